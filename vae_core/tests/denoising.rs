//! The denoising criterion: its bounds in order, its terms against formulas written out, exact resume.
#![allow(clippy::unwrap_used)]

use vae_core::prelude::*;

const CPU: Device = Device::Cpu;
const NOISE: Corruption = Corruption::Gaussian { std: 0.4 };

/// Images of 6×6 pixels with something to learn: a bright row or column.
fn images(n: usize) -> Images {
    let mut random = Random::new(99);
    let mut pixels = vec![];
    for _ in 0..n {
        let (line, vertical) = (random.below(6), random.below(2));
        pixels.extend((0..36).map(|i| if line == (if vertical == 1 { i % 6 } else { i / 6 }) { 230 } else { 10 }));
    }
    Images::new(pixels, vec![0; n], (1, 6, 6), &CPU).unwrap()
}

fn model(seed: u64) -> MlpVae {
    let config = MlpVaeConfig { image: (1, 6, 6), hidden: vec![32], latent: 2, ..Default::default() };
    MlpVae::new(config, &CPU, seed).unwrap()
}

fn denoising(criterion: Criterion) -> Denoising {
    Denoising { corruption: NOISE, criterion, ..Default::default() }
}

fn trainer(objective: Denoising, epochs: usize) -> Trainer {
    Trainer::new(objective).epochs(epochs).batch_size(50).learning_rate(5e-3).seed(4).quiet()
}

/// A mean over independent repeats, and its standard error.
fn estimate(repeats: u64, draw: impl Fn(&mut Random) -> f64) -> (f64, f64) {
    let values: Vec<f64> = (0..repeats).map(|i| draw(&mut Random::new(11).stream(i))).collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}

/// log p(x) of one image, (1, C, H, W), by the trapezoidal rule over the plane of codes.
fn log_evidence(vae: &MlpVae, x: &Tensor) -> f64 {
    let (side, reach) = (241, 6.0);
    let step = 2.0 * reach / (side - 1) as f64;
    let codes: Vec<f32> =
        (0..side * side).flat_map(|i| [i / side, i % side].map(|k| (k as f64 * step - reach) as f32)).collect();
    let z = Tensor::from_vec(codes, (side * side, 2), &CPU).unwrap();
    log_mean_exp(&joint(vae, x, &z)) + ((side * side) as f64 * step * step).ln()
}

/// log p(x, z) for each row of z.
fn joint(vae: &MlpVae, x: &Tensor, z: &Tensor) -> Vec<f64> {
    let x = x.broadcast_as((z.dims()[0], 1, 6, 6)).unwrap();
    let prior = DiagonalGaussian::standard_like(z).unwrap().log_prob(z).unwrap();
    let sum = (vae.decode(z).unwrap().log_prob(&x).unwrap() + prior).unwrap();
    sum.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn log_mean_exp(values: &[f64]) -> f64 {
    let max = values.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    max + (values.iter().map(|v| (v - max).exp()).sum::<f64>() / values.len() as f64).ln()
}

/// On a trained model: plain < mixture of 2 < mixture of 8 < the importance-weighted estimate of log p(x) ≤ log p(x),
/// each by more than four standard errors, where log p(x) is also known by quadrature.
#[test]
fn the_bounds_are_in_order() {
    let mut vae = model(1);
    trainer(denoising(Criterion::Plain), 60).fit(&mut vae, &images(500)).unwrap();
    let one = images(3).batch(&[1]).unwrap();
    let copies = |n: usize| Batch { x: one.x.repeat((n, 1, 1, 1)).unwrap(), y: None };
    let bound = |criterion, copies: &Batch| {
        estimate(60, |noise| {
            let terms = denoising(criterion).terms(&vae, copies, 0.0, noise).unwrap();
            -f64::from(terms.loss.to_scalar::<f32>().unwrap())
        })
    };
    let plain = bound(Criterion::Plain, &copies(800));
    let single = bound(Criterion::Mixture { draws: 1 }, &copies(800));
    let two = bound(Criterion::Mixture { draws: 2 }, &copies(400));
    let eight = bound(Criterion::Mixture { draws: 8 }, &copies(200));
    // Importance weights p(x, z)/r(z), z from the mixture r of 200 corruptions' posteriors: Burda et al. 2016 with r as
    // proposal.
    let weighted = estimate(60, |noise| {
        let n = 200;
        let x = copies(n).x;
        let q = vae.encode(&NOISE.apply(&x, noise).unwrap()).unwrap();
        let z = q.rsample(noise).unwrap();
        let component = |k: usize| -> Vec<f64> {
            let part = |t: &Tensor| t.narrow(0, k, 1).unwrap().repeat((n, 1)).unwrap();
            let q = DiagonalGaussian::new(part(q.mu()), part(q.log_var())).unwrap();
            q.log_prob(&z).unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
        };
        let components: Vec<Vec<f64>> = (0..n).map(component).collect();
        let proposal = |i: usize| log_mean_exp(&components.iter().map(|c| c[i]).collect::<Vec<_>>());
        let weights: Vec<f64> =
            joint(&vae, &one.x, &z).iter().enumerate().map(|(i, joint)| joint - proposal(i)).collect();
        log_mean_exp(&weights)
    });
    let exact = (log_evidence(&vae, &one.x), 0.0);
    println!(
        "plain {plain:?}\nsingle {single:?}\ntwo {two:?}\neight {eight:?}\nweighted {weighted:?}\nexact {exact:?}"
    );
    let apart = |low: (f64, f64), high: (f64, f64)| high.0 - low.0 > 4.0 * low.1.hypot(high.1);
    assert!(!apart(plain, single) && !apart(single, plain));
    for (low, high) in [(plain, two), (two, eight), (eight, weighted)] {
        assert!(apart(low, high), "{low:?} is not below {high:?}");
    }
    assert!(!apart(exact, weighted) && (weighted.0 - exact.0).abs() < 0.05, "{weighted:?} {exact:?}");
}

/// Both criteria are their formulas, written out from the same noise with candle's operations.
#[test]
fn terms_match_the_formulas() {
    let vae = model(3);
    let batch = images(5).batch(&[0, 1, 2, 3, 4]).unwrap();
    let scalar = |t: &Tensor| f64::from(t.to_scalar::<f32>().unwrap());

    let mut objective = denoising(Criterion::Plain);
    objective.elbo = Elbo { beta: 0.7, warmup_epochs: 4.0, ..Default::default() };
    let terms = objective.terms(&vae, &batch, 2.0, &mut Random::new(4)).unwrap();
    let mut noise = Random::new(4);
    let q = vae.encode(&NOISE.apply(&batch.x, &mut noise).unwrap()).unwrap();
    let z = q.rsample(&mut noise).unwrap();
    let reconstruction = scalar(&vae.decode(&z).unwrap().log_prob(&batch.x).unwrap().mean_all().unwrap());
    let kl = scalar(&q.kl_to_standard().unwrap().mean_all().unwrap());
    assert!((scalar(&terms.reconstruction) - reconstruction).abs() < 1e-4 && (scalar(&terms.kl) - kl).abs() < 1e-5);
    assert_eq!(terms.beta, 0.35);
    assert!((scalar(&terms.loss) - (0.35 * kl - reconstruction)).abs() < 1e-4);

    let terms = denoising(Criterion::Mixture { draws: 3 }).terms(&vae, &batch, 0.0, &mut Random::new(4)).unwrap();
    // All corruptions first, then a draw under the posterior of each.
    let mut noise = Random::new(4);
    let encode = |_| vae.encode(&NOISE.apply(&batch.x, &mut noise).unwrap()).unwrap();
    let posteriors: Vec<DiagonalGaussian> = (0..3).map(encode).collect();
    let rows = |t: &dyn Fn(&DiagonalGaussian) -> Tensor| -> Vec<Vec<f32>> {
        posteriors.iter().flat_map(|q| t(q).to_vec2().unwrap()).collect()
    };
    let (mu, log_var) = (rows(&|q| q.mu().clone()), rows(&|q| q.log_var().clone()));
    let z: Vec<Vec<f32>> =
        posteriors.iter().flat_map(|q| q.rsample(&mut noise).unwrap().to_vec2::<f32>().unwrap()).collect();
    let log_normal = |z: &[f32], mu: &[f32], log_var: &[f32]| -> f64 {
        let term = |d: usize| {
            let [z, mu, log_var] = [z[d], mu[d], log_var[d]].map(f64::from);
            -0.5 * ((z - mu).powi(2) / log_var.exp() + log_var + std::f64::consts::TAU.ln())
        };
        (0..2).map(term).sum()
    };
    let mut kl = 0.0;
    for (row, z) in z.iter().enumerate() {
        let density: f64 = (0..3).map(|k| 5 * k + row % 5).map(|k| log_normal(z, &mu[k], &log_var[k]).exp()).sum();
        kl += ((density / 3.0).ln() - log_normal(z, &[0.0; 2], &[0.0; 2])) / 15.0;
    }
    assert!((scalar(&terms.kl) - kl).abs() < 1e-4, "{} {kl}", scalar(&terms.kl));
}

/// The gradient of the mixture criterion is that of its finite differences, in the weights of encoder and decoder.
#[test]
fn the_mixture_has_its_gradient() {
    let vae = model(2);
    let batch = images(20).batch(&(0..20).collect::<Vec<_>>()).unwrap();
    let loss =
        || denoising(Criterion::Mixture { draws: 3 }).terms(&vae, &batch, 0.0, &mut Random::new(5)).unwrap().loss;
    let gradients = loss().backward().unwrap();
    for (name, var) in vae.params().iter() {
        let gradient = gradients.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let values = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let at = (0..values.len()).max_by(|&i, &j| gradient[i].abs().total_cmp(&gradient[j].abs())).unwrap();
        let step = 4e-3;
        let [up, down] = [step, -step].map(|step| {
            let mut moved = values.clone();
            moved[at] += step;
            var.set(&Tensor::from_vec(moved, var.shape(), &CPU).unwrap()).unwrap();
            f64::from(loss().to_scalar::<f32>().unwrap())
        });
        var.set(&Tensor::from_vec(values, var.shape(), &CPU).unwrap()).unwrap();
        let (numeric, autograd) = ((up - down) / (2.0 * f64::from(step)), f64::from(gradient[at]));
        assert!((numeric - autograd).abs() < 2e-2 * autograd.abs().max(0.05), "{name}: {numeric} {autograd}");
    }
}

/// Training lowers the squared error of denoised images well below that of the noisy ones, and evaluation is of corrupted
/// images.
#[test]
fn learns_to_denoise() {
    let config = MlpVaeConfig { image: (1, 6, 6), hidden: vec![64], latent: 6, ..Default::default() };
    let mut vae = MlpVae::new(config, &CPU, 1).unwrap();
    trainer(denoising(Criterion::Plain), 60).fit(&mut vae, &images(1000)).unwrap();
    let clean = images(100).tensor().unwrap();
    let noisy = NOISE.apply(&clean, &mut Random::new(8)).unwrap();
    let error = |x: &Tensor| (x - &clean).unwrap().sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
    let (before, after) = (error(&noisy), error(&vae.reconstruct(&noisy).unwrap()));
    assert!(after < 0.3 * before, "{before} {after}");

    // Evaluation corrupts too, with its seed; on clean images the same codes do better.
    let (objective, set) = (denoising(Criterion::Plain), images(100));
    let corrupted = evaluate(&objective, &vae, &set, false, 1).unwrap();
    assert_eq!(corrupted, evaluate(&objective, &vae, &set, false, 1).unwrap());
    assert_ne!(corrupted, evaluate(&objective, &vae, &set, false, 2).unwrap());
    let clean = evaluate(&objective.elbo, &vae, &set, false, 1).unwrap();
    assert!(clean.reconstruction > corrupted.reconstruction + 1.0, "{clean:?} {corrupted:?}");
}

/// A run that is stopped and resumed ends with the bits of one that never stopped; its
/// checkpoint is not resumed with another corruption.
#[test]
fn resumes_exactly() {
    let bits = |vae: &MlpVae| -> Vec<u32> {
        let values = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        vae.params().iter().flat_map(|(_, var)| values(var)).map(f32::to_bits).collect()
    };
    for criterion in [Criterion::Plain, Criterion::Mixture { draws: 2 }] {
        let mut straight = model(1);
        trainer(denoising(criterion), 3).fit(&mut straight, &images(100)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let here = |objective, epochs| trainer(objective, epochs).checkpoints(folder.path());
        here(denoising(criterion), 2).fit(&mut model(1), &images(100)).unwrap();
        let mut other = denoising(criterion);
        other.corruption = Corruption::Blur { std: 1.0 };
        let text = here(other, 3).resume().fit(&mut model(1), &images(100)).unwrap_err().to_string();
        assert!(text.contains("gaussian:0.4") && text.contains("blur:1.0"), "{text}");
        let mut resumed = model(9);
        here(denoising(criterion), 3).resume().fit(&mut resumed, &images(100)).unwrap();
        assert_eq!(bits(&resumed), bits(&straight), "{criterion:?}");
    }
}

/// β = 0 with variance ½ is the squared error of the denoising autoencoder, up to the constant ½·ln(π) per pixel.
#[test]
fn the_autoencoder_without_kl() {
    let observation = Observation::Gaussian { variance: 0.5 };
    let config = MlpVaeConfig { image: (1, 6, 6), hidden: vec![32], latent: 2, observation, ..Default::default() };
    let vae = MlpVae::new(config, &CPU, 1).unwrap();
    let mut objective = denoising(Criterion::Plain);
    objective.elbo.beta = 0.0;
    let batch = images(7).batch(&[0, 1, 2, 3, 4, 5, 6]).unwrap();
    let loss = objective.terms(&vae, &batch, 0.0, &mut Random::new(4)).unwrap().loss.to_scalar::<f32>().unwrap();
    let mut noise = Random::new(4);
    let q = vae.encode(&NOISE.apply(&batch.x, &mut noise).unwrap()).unwrap();
    let output = vae.decode(&q.rsample(&mut noise).unwrap()).unwrap().mean().unwrap();
    let square = (output - &batch.x).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap() / 7.0;
    assert!((loss - square - 18.0 * std::f32::consts::PI.ln()).abs() < 1e-3, "{loss} {square}");
}

/// Settings that make no sense are refused by name before training.
#[test]
fn nonsense_is_refused() {
    for (objective, word) in [
        (denoising(Criterion::Mixture { draws: 0 }), "draws"),
        (Denoising { corruption: Corruption::Gaussian { std: -1.0 }, ..Default::default() }, "gaussian:-1.0"),
        (Denoising { corruption: Corruption::Mask { side: 7 }, ..Default::default() }, "mask:7"),
        (Denoising { elbo: Elbo { beta: f64::NAN, ..Default::default() }, ..Default::default() }, "beta"),
    ] {
        let text = trainer(objective, 1).fit(&mut model(1), &images(9)).unwrap_err().to_string();
        assert!(text.contains(word), "{word}: {text}");
    }
}
