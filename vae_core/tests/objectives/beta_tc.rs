//! β-TCVAE: its parts, and what its two ways of sampling say of an aggregate posterior that is known.

use super::{Unlearned, harness};
use vae_core::prelude::*;

const CPU: Device = Device::Cpu;

fn parts(means: &Means) -> [f64; 3] {
    ["mutual information", "total correlation", "dimension-wise KL"].map(|part| means.metrics[part])
}

/// Digits are learned; in every epoch, in training and validation and with either sampling, the three parts add up to the KL, and the
/// loss weights each as it says. Of a batch of one item, all of the KL is dimension-wise.
#[test]
fn parts_add_up() -> Result<()> {
    let digits = data::digits(&CPU)?.train.take(512);
    let config = MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() };
    let vae = || MlpVae::new(config.clone(), &CPU, 1).unwrap();
    let settings = |trainer: Trainer| trainer.learning_rate(3e-3).validation(64);
    for sampling in [Sampling::Weighted, Sampling::Stratified] {
        let objective = BetaTcVae { alpha: 0.5, beta: 6.0, gamma: 2.0, dataset: 448, sampling };
        let (vae, history) = harness::trains_and_resumes(vae, || objective, &digits, settings);
        let means = |epoch: usize| [&history.epochs[epoch].train, history.epochs[epoch].validation.as_ref().unwrap()];
        for means in (0..4).flat_map(means) {
            let [mi, tc, dwkl] = parts(means);
            assert!((mi + tc + dwkl - means.kl).abs() < 1e-4 * means.kl.abs().max(1.0), "{means:?}");
            let loss = 0.5 * mi + 6.0 * tc + 2.0 * dwkl - means.reconstruction;
            assert!((means.loss - loss).abs() < 1e-3, "{means:?}");
        }
        assert!(means(3)[1].elbo > means(0)[1].elbo + 30.0, "{history}");
        let one = evaluate(&BetaTcVae { dataset: 448, ..Default::default() }, &vae, &digits.take(1), false, 1)?;
        let [mi, tc, dwkl] = parts(&one);
        assert!(mi.abs() < 1e-4 && tc.abs() < 1e-4 && (dwkl - one.kl).abs() < 1e-4 && one.kl > 0.1, "{one:?}");
    }
    Ok(())
}

/// With all weights 1, the loss and its gradients are those of an ELBO whose KL is estimated, whatever the set's size.
#[test]
fn weights_of_one_are_the_elbo() -> Result<()> {
    let vae = MlpVae::new(MlpVaeConfig { hidden: vec![16], latent: 3, ..Default::default() }, &CPU, 1)?;
    let batch = data::digits(&CPU)?.train.batch(&[3, 1, 4, 15])?;
    let one = |dataset| BetaTcVae { beta: 1.0, dataset, ..Default::default() };
    let loss = |dataset| one(dataset).terms(&vae, &batch, 0.0, &mut Random::new(2))?.loss.to_scalar::<f32>();
    let q = vae.encode(&batch.x)?;
    let z = q.rsample(&mut Random::new(2))?;
    let prior = DiagonalGaussian::standard_like(&z)?;
    let elbo = (Vae::decode(&vae, &z)?.log_prob(&batch.x)? - (q.log_prob(&z)? - prior.log_prob(&z)?)?)?;
    let expected = -elbo.mean_all()?.to_scalar::<f32>()?;
    for dataset in [4, 1000] {
        assert!((loss(dataset)? - expected).abs() < 1e-3, "{dataset}");
    }
    Ok(())
}

/// Four posteriors on two dimensions, and a code.
const MU: [[f64; 2]; 4] = [[0.3, -1.2], [1.5, 0.4], [-0.7, 2.0], [0.2, 0.6]];
const LOG_VAR: [[f64; 2]; 4] = [[-1.0, 0.2], [0.5, -0.8], [0.1, 1.0], [-0.4, 0.3]];
const Z: [f64; 2] = [0.1, 0.2];

/// The density of dimension j of the code under the posterior of item k.
fn density(k: usize, j: usize) -> f64 {
    let variance = LOG_VAR[k][j].exp();
    (-0.5 * (Z[j] - MU[k][j]).powi(2) / variance).exp() / (std::f64::consts::TAU * variance).sqrt()
}

/// ln q(z) and Σⱼ ln q(zⱼ) of the code by a batch of the four, for the first of which it was drawn.
fn estimate(sampling: Sampling, batch: &[u32]) -> Result<[f64; 2]> {
    let rows = |numbers| Tensor::new::<&[[f64; 2]; 4]>(numbers, &CPU)?.index_select(&Tensor::new(batch, &CPU)?, 0);
    let q = DiagonalGaussian::new(rows(&MU)?, rows(&LOG_VAR)?)?;
    let z = Tensor::new(&[Z], &CPU)?.broadcast_as(q.mu().shape())?;
    let objective = BetaTcVae { dataset: 4, sampling, ..Default::default() };
    Ok(objective.aggregate(&z, &q)?.map(|logarithms| harness::numbers(&logarithms)[0]))
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// ln q(z) and Σⱼ ln q(zⱼ) of the code under all four, exactly.
fn exact() -> [f64; 2] {
    let each = |f: &dyn Fn(usize) -> f64| mean(&[0, 1, 2, 3].map(f));
    [each(&|k| density(k, 0) * density(k, 1)).ln(), each(&|k| density(k, 0)).ln() + each(&|k| density(k, 1)).ln()]
}

/// A stratified batch of all items is exact. Over all smaller batches that hold the code's own item, q(z) is right on average, and its
/// logarithm a lower bound.
#[test]
fn stratified_is_right_on_average() -> Result<()> {
    let sampling = Sampling::Stratified;
    for (whole, exact) in estimate(sampling, &[1, 0, 2, 3])?.into_iter().zip(exact()) {
        assert!((whole - exact).abs() < 1e-12, "{whole} {exact}");
    }
    for batches in [vec![vec![1, 0], vec![1, 2], vec![1, 3]], vec![vec![1, 0, 2], vec![1, 0, 3], vec![1, 2, 3]]] {
        let joint = batches.iter().map(|batch| Ok(estimate(sampling, batch)?[0])).collect::<Result<Vec<f64>>>()?;
        let density: Vec<f64> = joint.iter().map(|joint| joint.exp()).collect();
        assert!((mean(&density) - exact()[0].exp()).abs() < 1e-12 && mean(&joint) < exact()[0] - 1e-3, "{batches:?}");
    }
    Ok(())
}

/// A weighted batch of all items is off by ln N for each logarithm. Over all batches of three drawn one by one, of which the first is the
/// code's own item, q(z) has the mean (q(z|x) + 2 q(z)) / 3N.
#[test]
fn weighted_is_too_small() -> Result<()> {
    let sampling = Sampling::Weighted;
    for (i, (whole, exact)) in estimate(sampling, &[1, 0, 2, 3])?.into_iter().zip(exact()).enumerate() {
        assert!((whole + (1 + i) as f64 * 4f64.ln() - exact).abs() < 1e-12, "{whole} {exact}");
    }
    let batches =
        (0..16).map(|i| Ok(estimate(sampling, &[1, i / 4, i % 4])?[0].exp())).collect::<Result<Vec<f64>>>()?;
    let expected = (density(1, 0) * density(1, 1) + 2.0 * exact()[0].exp()) / 12.0;
    assert!((mean(&batches) - expected).abs() < 1e-12);
    Ok(())
}

/// Of N items, whose codes have q(z) = N(0, Σ): items x ~ N(0, Σ − s² I) with posteriors N(x, s² I).
const ITEMS: usize = 50_000;
const VARIANCE: f64 = 0.1;
/// Σ₀₁ = Σ₁₂; the variances are 1, and Σ₀₂ = 0.
const COVARIANCE: f64 = 0.6;
/// −½ ln det Σ.
fn exact_total_correlation() -> f64 {
    -0.5 * (1.0 - 2.0 * COVARIANCE * COVARIANCE).ln()
}

fn posteriors(x: &Tensor) -> Result<DiagonalGaussian> {
    DiagonalGaussian::new(x.clone(), x.zeros_like()?.affine(1.0, VARIANCE.ln())?)
}

/// (count, 3) items: L ε with L Lᵀ = Σ − s² I.
fn items(count: usize, random: &mut Random) -> Result<Tensor> {
    let a = (1.0 - VARIANCE).sqrt();
    let b = COVARIANCE / a;
    let c = (1.0 - VARIANCE - b * b).sqrt();
    let d = COVARIANCE / c;
    let e = (1.0 - VARIANCE - d * d).sqrt();
    let rows = [[a, 0.0, 0.0], [b, c, 0.0], [0.0, d, e]].map(|row| row.map(|x| x as f32));
    Ok(random.normal((count, 3), &CPU)?.matmul(&Tensor::new(&rows, &CPU)?.t()?)?)
}

/// A number of each row, as float64.
fn rows(x: &Tensor) -> Vec<[f64; 3]> {
    harness::numbers(x).chunks(3).map(|row| [row[0], row[1], row[2]]).collect()
}

/// ln q(z) − Σⱼ ln q(zⱼ) of N(0, Σ) itself.
fn exact_ratio(z: [f64; 3]) -> f64 {
    // Σ⁻¹ of the matrix [[1, r, 0], [r, 1, r], [0, r, 1]].
    let (r, det) = (COVARIANCE, 1.0 - 2.0 * COVARIANCE * COVARIANCE);
    let inverse = [[1.0 - r * r, -r, r * r], [-r, 1.0, -r], [r * r, -r, 1.0 - r * r]];
    let square: f64 = (0..9).map(|n| z[n / 3] * inverse[n / 3][n % 3] * z[n % 3] / det).sum();
    exact_total_correlation() - 0.5 * (square - z.iter().map(|z| z * z).sum::<f64>())
}

/// Row `i` of the weights that four well-known programs have, for a batch of `m`: a flat matrix of 1/(m − 1), in which every m-th number
/// from the first on, the first *column*, is set to 1/N. (The diagonal would be every (m + 1)-th.) Then the second column, and one
/// number more, get the remainder.
fn published_weights(m: usize, i: usize) -> Vec<f64> {
    let (n, others) = (ITEMS as f64, (m - 1) as f64);
    let remainder = (n - others) / (n * others);
    let mut weights = vec![1.0 / others; m * m];
    weights.iter_mut().step_by(m).for_each(|weight| *weight = 1.0 / n);
    weights[1..].iter_mut().step_by(m).for_each(|weight| *weight = remainder);
    weights[(m - 2) * m] = remainder;
    weights[i * m..][..m].to_vec()
}

/// q(z) and q(zⱼ) of a code by a batch of items with weights.
fn weighted_densities(z: [f64; 3], items: &[[f64; 3]], weights: &[f64]) -> [f64; 4] {
    let mut sums = [0.0; 4];
    for (item, weight) in items.iter().zip(weights) {
        let normal =
            |d: usize| (-0.5 * (z[d] - item[d]).powi(2) / VARIANCE).exp() / (std::f64::consts::TAU * VARIANCE).sqrt();
        let each = [normal(0), normal(1), normal(2)];
        for (sum, density) in sums.iter_mut().zip([each.iter().product(), each[0], each[1], each[2]]) {
            *sum += weight * density;
        }
    }
    sums
}

/// The densities that the weights stand for, by which the indexing error shows: for each of a hundred codes, the mean over batches of 32
/// that hold the code's own item is q(z) with the stratified weights, and makes the exact total correlation, −½ ln det Σ, of the same
/// codes. With the published weights the own item counts N/M times too much wherever it is not in the first column, and the total
/// correlation is off by a third of it and more, however many batches there are.
#[test]
fn total_correlation_by_densities() -> Result<()> {
    const BATCH: usize = 32;
    const BATCHES: usize = 200;
    let objective = BetaTcVae { dataset: ITEMS, ..Default::default() };
    let random = Random::new(7);
    let own = items(100, &mut random.stream(0))?;
    let codes = posteriors(&own)?.rsample(&mut random.stream(1))?;
    let (mut exact, mut ours, mut published) = (vec![], vec![], vec![]);
    let ratio = |sums: [f64; 4]| (sums[0] / (sums[1] * sums[2] * sums[3])).ln();
    for (n, z) in rows(&codes).into_iter().enumerate() {
        let place = n % BATCH;
        let mut sums = [[0.0; 4]; 2];
        for batch in 0..BATCHES {
            let mut random = random.stream(2 + (n * BATCHES + batch) as u64);
            let rest = items(BATCH - 1, &mut random)?;
            let (before, after) = (rest.narrow(0, 0, place)?, rest.narrow(0, place, BATCH - 1 - place)?);
            let items = Tensor::cat(&[&before, &own.narrow(0, n, 1)?, &after], 0)?;
            let dimensions = |d: usize, width: usize| -> Result<f64> {
                let z = codes.narrow(0, n, 1)?.broadcast_as((BATCH, 3))?.narrow(1, d, width)?;
                let [joint, _] = objective.aggregate(&z, &posteriors(&items.narrow(1, d, width)?)?)?;
                Ok(harness::numbers(&joint)[place].exp())
            };
            let ours = [dimensions(0, 3)?, dimensions(0, 1)?, dimensions(1, 1)?, dimensions(2, 1)?];
            let published = weighted_densities(z, &rows(&items), &published_weights(BATCH, place));
            for (sums, more) in sums.iter_mut().zip([ours, published]) {
                sums.iter_mut().zip(more).for_each(|(sum, density)| *sum += density / BATCHES as f64);
            }
        }
        exact.push(exact_ratio(z));
        ours.push(ratio(sums[0]));
        published.push(ratio(sums[1]));
    }
    let [exact, ours, published] = [exact, ours, published].map(|numbers| mean(&numbers));
    let known = exact_total_correlation();
    assert!((exact - known).abs() < 0.2 && (ours - exact).abs() < 0.03, "{known} {exact} {ours}");
    assert!(published - exact > known / 3.0, "{exact} {published}");
    Ok(())
}

/// What training sees, a logarithm of every batch, has all three parts to 0.03 nats with 1600 items, and with fewer a total correlation
/// that is too small: −½ ln det Σ, ½ ln det Σ − D ln s, and nothing in single dimensions are the exact ones.
#[test]
fn parts_of_a_gaussian() -> Result<()> {
    let vae = Unlearned { width: 3, posterior: |x| Ok(Box::new(posteriors(x)?)), params: Params::new() };
    let objective = BetaTcVae { dataset: ITEMS, ..Default::default() };
    let parts = |size: usize| -> Result<[f64; 3]> {
        let count = 64_000 / size;
        let mut parts = [0.0; 3];
        for i in 0..count as u64 {
            let mut random = Random::new(8).stream(i);
            let batch = Batch { x: items(size, &mut random)?, y: None };
            let terms = objective.terms(&vae, &batch, 0.0, &mut random)?;
            for (sum, (_, part)) in parts.iter_mut().zip(&terms.metrics) {
                *sum += harness::numbers(part)[0] / count as f64;
            }
        }
        Ok(parts)
    };
    let exact = [-exact_total_correlation() - 1.5 * VARIANCE.ln(), exact_total_correlation(), 0.0];
    let (few, many) = (parts(100)?, parts(1600)?);
    for (many, exact) in many.iter().zip(exact) {
        assert!((many - exact).abs() < 0.03, "{many} {exact}");
    }
    assert!((0.1..0.25).contains(&(exact[1] - few[1])), "{few:?}");
    Ok(())
}

/// A posterior that is no diagonal Gaussian is refused before anything is written, in one sentence with both types.
#[test]
fn refuses_other_posteriors() -> Result<()> {
    let posterior = |x: &Tensor| -> Result<Box<dyn Distribution>> { Ok(Box::new(Gaussian::fixed(x.clone(), 1.0)?)) };
    let mut vae = Unlearned { width: 2, posterior, params: Params::new() };
    let folder = tempfile::tempdir().unwrap().path().join("run");
    let objective = BetaTcVae { dataset: 8, ..Default::default() };
    let trainer = Trainer::new(objective).checkpoints(&folder).quiet();
    let message = trainer.fit(&mut vae, &Tensor::zeros((8, 2), DType::F32, &CPU)?).unwrap_err().to_string();
    assert_eq!(message, "expected a distribution of type DiagonalGaussian, got Gaussian");
    assert!(!folder.exists());
    Ok(())
}
