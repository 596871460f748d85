//! Bounds and posteriors of the model whose evidence is known.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // also of other tests, which use more of it
mod exact;

use exact::{CPU, Exact, PIXELS, model, numbers, set};
use vae_core::prelude::*;

/// n copies of an image of `seed`.
fn copies(seed: u64, n: usize) -> (Vec<f64>, Batch) {
    let one = Random::new(seed).stream(7).uniform((1, 1, 2, 3), &CPU).unwrap();
    let pixels = one.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    (pixels, Batch { x: one.repeat((n, 1, 1, 1)).unwrap(), y: None })
}

/// ln w = log p(x|z) + log p(z) − log q(z|x) of one draw for each image.
fn log_weights(vae: &MlpVae, x: &Tensor, noise: &mut Random) -> Vec<f64> {
    let q = vae.encode(x).unwrap();
    let z = q.rsample(noise).unwrap();
    let prior = DiagonalGaussian::standard_like(&z).unwrap().log_prob(&z).unwrap();
    let joint = (vae.decode(&z).unwrap().log_prob(x).unwrap() + prior).unwrap();
    (joint - q.log_prob(&z).unwrap()).unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// A mean and its standard error.
fn estimate(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}

/// The bound of Burda et al. 2016, E[ln (1/k) Σ w] with k weights, from draws of its own.
fn importance_weighted(vae: &MlpVae, seed: u64, k: usize) -> (f64, f64) {
    let mut noise = Random::new(seed).stream(k as u64);
    let weights = log_weights(vae, &copies(seed, 32_768).1.x, &mut noise);
    let group = |weights: &[f64]| (weights.iter().map(|w| w.exp()).sum::<f64>() / k as f64).ln();
    estimate(&weights.chunks(k).map(group).collect::<Vec<_>>())
}

/// For random models and images, within five standard errors: the ELBO plus KL(q ‖ p(z|x)) is log p(x), and
/// ELBO = L₁ < L₄ < L₃₂ ≤ log p(x), where L₂₀₄₈ has come close to the right-hand side.
#[test]
fn the_bounds_are_in_order() {
    for seed in 0..8 {
        let vae = model(seed);
        let (x, batch) = copies(seed, 400);
        let exact = Exact::of(&vae, &x);
        let objective = Elbo::default();
        let noise = Random::new(seed);
        let draw = |i: u64| objective.terms(&vae, &batch, 0.0, &mut noise.stream(1_000_000 + i)).unwrap().loss;
        let elbo = estimate(&(0..100).map(|i| -f64::from(draw(i).to_scalar::<f32>().unwrap())).collect::<Vec<_>>());
        let q = vae.encode(&batch.x).unwrap();
        let row = |t: &Tensor| t.get(0).unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
        let gap = exact.gap(&row(q.mu()), &row(q.log_var()));
        let [one, four, many, all] = [1, 4, 32, 2048].map(|k| importance_weighted(&vae, seed, k));
        println!(
            "{seed}: {:.4} = {elbo:.4?} + {gap:.4}; {one:.4?} {four:.4?} {many:.4?} {all:.4?}",
            exact.log_evidence
        );
        let same = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() <= 5.0 * a.1.hypot(b.1) + 1e-5;
        let below = |a: (f64, f64), b: (f64, f64)| b.0 - a.0 > 5.0 * a.1.hypot(b.1);
        let evidence = (exact.log_evidence, 0.0);
        assert!(gap > 0.0 && same((elbo.0 + gap, elbo.1), evidence), "{elbo:?} {gap} {evidence:?}");
        assert!(same(elbo, one) && below(one, four) && below(four, many), "{elbo:?} {one:?} {four:?} {many:?}");
        assert!(!below(evidence, many) && !below(evidence, all), "{many:?} {all:?} {evidence:?}");
        assert!((all.0 - evidence.0).abs() < 0.02 + 5.0 * all.1, "{all:?} {evidence:?}");
    }
}

/// With the exact posterior as encoder, every single draw gives log p(x): the bound is tight and without variance.
#[test]
fn the_exact_posterior_closes_the_gap() {
    for seed in 0..12 {
        let vae = model(seed);
        // Columns at right angles make the exact posterior diagonal, as the encoder's is.
        let mut w = numbers(&vae, "decoder.fc1.weight");
        let [square, product] = [0, 1].map(|d| (0..PIXELS).map(|i| w[2 * i] * w[2 * i + d]).sum::<f64>());
        (0..PIXELS).for_each(|i| w[2 * i + 1] -= w[2 * i] * product / square);
        set(&vae, "decoder.fc1.weight", &w);
        let zero = Exact::of(&vae, &[0.0; PIXELS]);
        let column = |i: usize| {
            let mut x = [0.0; PIXELS];
            x[i] = 1.0;
            let there = Exact::of(&vae, &x).mean;
            [there[0] - zero.mean[0], there[1] - zero.mean[1]]
        };
        let columns: Vec<[f64; 2]> = (0..PIXELS).map(column).collect();
        let weight: Vec<f64> = [0, 1].iter().flat_map(|&d| columns.iter().map(move |c| c[d])).collect();
        set(&vae, "encoder.fc_mu.weight", &weight);
        set(&vae, "encoder.fc_mu.bias", &zero.mean);
        set(&vae, "encoder.fc_logvar.weight", &[0.0; 2 * PIXELS]);
        set(&vae, "encoder.fc_logvar.bias", &[0, 1].map(|d| -zero.precision[d][d].ln()));
        for image in 0..5 {
            let (x, batch) = copies(100 * seed + image, 500);
            let exact = Exact::of(&vae, &x).log_evidence;
            for weight in log_weights(&vae, &batch.x, &mut Random::new(seed)) {
                assert!((weight - exact).abs() < 1e-4, "{weight} {exact}");
            }
        }
    }
}
