//! log p(x) by importance sampling and by annealing, against the evidence where it is known.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // also of other tests, which use more of it
mod exact;

use exact::{CPU, Exact, model, numbers, set};
use vae_core::{
    eval::{Annealed, Likelihood, annealed, likelihood, likelihood_watched, mean_error},
    prelude::*,
};

/// Images of the linear-Gaussian model's shape, with log p(x) of each.
fn images(vae: &MlpVae, seed: u64, n: usize) -> (Tensor, Vec<f64>) {
    let x = Random::new(seed).stream(7).normal((n, 1, 2, 3), &CPU).unwrap();
    let rows = x.to_dtype(DType::F64).unwrap().flatten_from(1).unwrap().to_vec2().unwrap();
    (x, rows.iter().map(|row| Exact::of(vae, row).log_evidence).collect())
}

/// A hundred repeats of one image: copies, each of which has noise of its own.
fn hundred(x: &Tensor) -> Tensor {
    x.repeat((100, 1, 1, 1)).unwrap()
}

/// How many of their own standard errors the mean of `repeats` is off.
fn standard_errors(exact: f64, repeats: impl Iterator<Item = f64>) -> f64 {
    let estimate = mean_error(&repeats.collect::<Vec<_>>()).unwrap();
    (estimate.mean - exact) / estimate.error
}

/// The mean of `repeats` estimates is `exact`, within two standard errors over the repeats.
fn agrees(what: &str, exact: f64, repeats: impl Iterator<Item = f64>) {
    let off = standard_errors(exact, repeats);
    println!("{what}: {off:.2} standard errors");
    assert!(off.abs() < 2.0, "{what}: {off:.2} standard errors");
}

/// The estimate of p(x) itself has no bias, however few its draws: over 100 repeats, their mean p̂(x)/p(x) is 1, within two standard
/// errors, for 20 draws; and with 2,000 draws, where its bias is far below its error, the mean of log p̂(x) is log p(x) within two.
/// Of 60 such experiments no more than 8 are beyond two standard errors: 3 should be, and some more as p̂ has a long tail.
#[test]
fn importance_sampling_finds_the_evidence() {
    for seed in [1, 2, 3] {
        let vae = model(seed);
        let (x, exact) = images(&vae, seed, 1);
        let of = |samples, seed| likelihood(&vae, &hundred(&x), samples, seed).unwrap().log_prob;
        let ratios = |seed| of(20, seed).into_iter().map(|log_prob| (log_prob - exact[0]).exp());
        agrees("p̂/p", 1.0, ratios(seed));
        agrees("log p", exact[0], of(2000, seed).into_iter());
        let beyond = (1..61).filter(|&seed| standard_errors(1.0, ratios(seed)).abs() > 2.0).count();
        assert!(beyond <= 8, "{beyond} of 60");
    }
}

/// The same of annealing: over 100 repeats with one chain each, the mean p̂(x)/p(x) is 1, and with 8 chains the mean log p̂(x) is
/// log p(x), each within two standard errors; and a path of one step is importance sampling from the prior.
#[test]
fn annealing_finds_the_evidence() {
    let vae = model(3);
    let (x, exact) = images(&vae, 3, 1);
    let of = |chains, steps| annealed(&vae, &hundred(&x), &Annealed { chains, steps, leapfrog: 5 }, 1).unwrap();
    let [one, eight] = [1, 8].map(|chains| of(chains, 60));
    agrees("p̂/p", 1.0, one.log_prob.iter().map(|log_prob| (log_prob - exact[0]).exp()));
    agrees("log p", exact[0], eight.log_prob.iter().copied());
    assert!(eight.ess.iter().all(|ess| *ess > 4.0), "weights of long chains are alike");
    agrees("the prior", 1.0, of(500, 1).log_prob.iter().map(|log_prob| (log_prob - exact[0]).exp()));
}

/// Where q(z|x) looks elsewhere, the effective sample size says so, the report warns, and annealing knows better.
#[test]
fn a_wrong_posterior_is_noticed() {
    let vae = model(4);
    set(&vae, "encoder.fc_mu.bias", &[6.0, -6.0]);
    let (x, exact) = images(&vae, 4, 8);
    let lost = likelihood(&vae, &x, 50, 1).unwrap();
    let report = lost.to_string();
    assert!(lost.doubtful() > 0 && report.contains("NOT TO BE TRUSTED"), "{report}");
    let found = annealed(&vae, &x, &Annealed { chains: 20, steps: 60, leapfrog: 5 }, 1).unwrap();
    let worst = |of: &Likelihood| of.log_prob.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst(&lost) > 1.0 && worst(&found) < 0.3, "{} {}", worst(&lost), worst(&found));
    assert!(!found.to_string().contains("NOT TO BE TRUSTED"), "{found}");
}

/// With p(z) as q(z|x) and a decoder that hears nothing of z, all weights are equal: every draw counts, and every estimate is exact.
/// With a decoder that does, the effective sample size comes close to K (E w)² / E w² from the moments of the weights:
/// E_q w = p(x), and E_q w² = ∫ p(x|z)² p(z) dz is the evidence of half the variance, times a constant.
#[test]
fn effective_sample_sizes() {
    let vae = model(5);
    for name in ["encoder.fc_mu.weight", "encoder.fc_mu.bias", "encoder.fc_logvar.weight", "encoder.fc_logvar.bias"] {
        set(&vae, name, &vec![0.0; numbers(&vae, name).len()]);
    }
    let w = numbers(&vae, "decoder.fc1.weight");
    set(&vae, "decoder.fc1.weight", &vec![0.0; w.len()]);
    let (x, exact) = images(&vae, 5, 3);
    let equal = likelihood(&vae, &x, 100, 1).unwrap();
    for (i, exact) in exact.iter().enumerate() {
        assert!((equal.ess[i] - 100.0).abs() < 1e-3, "{:?}", equal.ess);
        assert!((equal.log_prob[i] - exact).abs() < 1e-4 && (equal.elbo()[i] - exact).abs() < 1e-4);
    }

    // p(x|z)² is N(x; Wz + b, s²/2 I) times (4π s²)^(−P/2).
    set(&vae, "decoder.fc1.weight", &w.iter().map(|w| 0.3 * w).collect::<Vec<_>>());
    let (x, exact) = images(&vae, 5, 3);
    let rows: Vec<Vec<f64>> = x.to_dtype(DType::F64).unwrap().flatten_from(1).unwrap().to_vec2().unwrap();
    let samples = 20_000;
    let estimate = likelihood(&vae, &x, samples, 1).unwrap();
    for i in 0..3 {
        let halved = Exact::with_variance(&vae, &rows[i], exact::VARIANCE / 2.0).log_evidence;
        let constant = -0.5 * exact::PIXELS as f64 * (2.0 * std::f64::consts::TAU * exact::VARIANCE).ln();
        let share = (2.0 * exact[i] - halved - constant).exp();
        let ratio = estimate.ess[i] / samples as f64 / share;
        assert!((ratio - 1.0).abs() < 0.1 && share < 0.95, "{i}: {ratio}, of {share}");
    }
}

fn small() -> MlpVae {
    MlpVae::new(MlpVaeConfig { hidden: vec![16], latent: 3, ..Default::default() }, &CPU, 1).unwrap()
}

/// The curve rises to the estimate with all draws and begins at the ELBO; a k in the middle is the mean over groups.
#[test]
fn the_curve_rises() {
    let digits = data::digits(&CPU).unwrap().test.take(50);
    let estimate = likelihood(&small(), &digits, 150, 3).unwrap();
    let curve = estimate.curve().unwrap();
    assert_eq!(curve.iter().map(|(k, _)| *k).collect::<Vec<_>>(), [1, 2, 5, 10, 20, 50, 100, 150]);
    assert!(curve.windows(2).all(|pair| pair[0].1.mean < pair[1].1.mean), "{curve:?}");
    assert_eq!(mean_error(estimate.elbo()).unwrap(), curve[0].1);
    assert_eq!(estimate.with_fewer[7].1, estimate.log_prob);
    assert_eq!(estimate.nll().unwrap().mean, -curve[7].1.mean);
    let elbo = -scores(&small(), &digits, Score::NegativeElbo, 150, 9).unwrap().iter().sum::<f64>() / 50.0;
    assert!((curve[0].1.mean - elbo).abs() < 1.0, "{} {elbo}", curve[0].1.mean);
}

/// An item's estimate depends on its place and on nothing beside it: not on the items after it, nor on how many threads there are;
/// two equal items at two places have draws of their own, and progress ends at 1.
#[test]
fn estimates_do_not_depend_on_the_batch() {
    let vae = small();
    // More than one batch, and a batch of another size at the end.
    let digits = data::digits(&CPU).unwrap().test.take(200);
    let all = likelihood(&vae, &digits, 7, 3).unwrap();
    let mut shares = vec![];
    let fewer = likelihood_watched(&vae, &digits.take(30), 7, 3, |share| shares.push(share)).unwrap();
    assert_eq!(fewer.log_prob, all.log_prob[..30]);
    assert_eq!(fewer.ess, all.ess[..30]);
    assert!(shares.is_sorted() && shares.len() == 7 && shares[6] == 1.0, "{shares:?}");
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| likelihood(&vae, &digits, 7, 3)).unwrap(), all);
    }
    let twice = digits.select(&[0, 0]).unwrap();
    let twice = likelihood(&vae, &twice, 7, 3).unwrap().log_prob;
    assert!(twice[0] == all.log_prob[0] && twice[0] != twice[1] && (twice[0] - twice[1]).abs() < 30.0, "{twice:?}");
    assert_ne!(likelihood(&vae, &digits, 7, 4).unwrap().log_prob, all.log_prob);
}

/// A conditional model judges images by what is known of them: the same as the model that was given it, and other labels are others.
#[test]
fn conditional_models_are_told() {
    let network = MlpVaeConfig { hidden: vec![16], latent: 3, ..Default::default() }.into();
    let prior = Prior::Learned { hidden: vec![] };
    let vae = ConditionalVae::new(ConditionalVaeConfig { network, prior, ..Default::default() }, &CPU, 1).unwrap();
    let sevens = data::digits(&CPU).unwrap().test.of_class(7).take(5);
    let told = likelihood(&vae, &sevens, 9, 1).unwrap();
    let given =
        |label: u32| likelihood(&vae.given(&Tensor::new(&[label], &CPU).unwrap()).unwrap(), &sevens, 9, 1).unwrap();
    assert_eq!(told, given(7));
    assert_ne!(told, given(3));
    let settings = Annealed { chains: 2, steps: 5, leapfrog: 2 };
    assert!(annealed(&vae, &sevens, &settings, 1).unwrap().log_prob.iter().all(|log_prob| log_prob.is_finite()));
}
