//! What holds for every parameter of every distribution, tried on random ones: total probability, moments, divergences, and
//! finite numbers at the extremes. `PROPTEST_CASES=2000` tries more of them, `PROPTEST_RNG_SEED=7` others.
#![allow(clippy::unwrap_used)]

use proptest::{collection::vec, prelude::*, test_runner::RngSeed};
use vae_core::{
    candle::{DType, Device, Tensor, Var},
    distributions::{Bernoulli, ContinuousBernoulli, DiagonalGaussian, Distribution, Gaussian},
    random::Random,
};

const CPU: Device = Device::Cpu;
/// Draws of a Monte Carlo estimate.
const DRAWS: usize = 20_000;
/// How many standard errors an estimate may be off: once in 1.7 million for a normal one.
const ERRORS: f64 = 5.0;

/// So many cases, always the same, unless the environment says otherwise.
fn cases(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..Default::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(1);
    }
    config
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// One number as (n, 1), or a row as (n, D).
fn rows(row: &[f64], n: usize) -> Tensor {
    Tensor::new(row, &CPU).unwrap().broadcast_as((n, row.len())).unwrap().contiguous().unwrap()
}

fn gaussian(mu: &[f64], log_var: &[f64], n: usize) -> DiagonalGaussian {
    DiagonalGaussian::new(rows(mu, n), rows(log_var, n)).unwrap()
}

/// Mean and standard error.
fn estimate(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}

fn within_errors(draws: &[f64], want: f64) -> Result<(), TestCaseError> {
    let (mean, error) = estimate(draws);
    let allowed = ERRORS * error + 1e-6 * (1.0 + want.abs());
    prop_assert!((mean - want).abs() <= allowed, "mean {mean}, want {want}, standard error {error}");
    Ok(())
}

/// ∫ xᵏ p(x) dx over [from, to] for k = 0, 1, 2 by the midpoint rule, where `p` is made for n points.
fn moments(from: f64, to: f64, p: impl Fn(usize) -> Box<dyn Distribution>) -> [f64; 3] {
    let n = 20_000;
    let width = (to - from) / n as f64;
    let points: Vec<f64> = (0..n).map(|i| from + (i as f64 + 0.5) * width).collect();
    let density = values(&p(n).log_prob(&Tensor::new(&*points, &CPU).unwrap().unsqueeze(1).unwrap()).unwrap());
    [0, 1, 2].map(|k| points.iter().zip(&density).map(|(x, log_p)| x.powi(k) * log_p.exp() * width).sum())
}

/// Numbers between the extremes, every size of them as likely.
fn signed(largest: f64) -> impl Strategy<Value = f64> {
    (-6.0..largest.log10(), any::<bool>())
        .prop_map(|(size, negative)| if negative { -(10f64.powf(size)) } else { 10f64.powf(size) })
}

proptest! {
    #![proptest_config(cases(48))]

    /// The continuous likelihoods integrate to one, and the first two moments of density, `mean` and samples agree.
    #[test]
    fn continuous_densities_and_samples(logit in -60.0..60.0f64, mu in -20.0..20.0f64, log_var in -8.0..6.0f64, seed: u64) {
        let full = |value: f64, n| Tensor::full(value, (n, 1), &CPU).unwrap();
        let spread = 12.0 * (0.5 * log_var).exp();
        type Maker<'a> = Box<dyn Fn(usize) -> Box<dyn Distribution> + 'a>;
        let makers: [(f64, f64, Maker); 3] = [
            (0.0, 1.0, Box::new(|n| Box::new(ContinuousBernoulli::new(full(logit, n)).unwrap()))),
            (mu - spread, mu + spread, Box::new(|n| Box::new(Gaussian::fixed(full(mu, n), log_var.exp()).unwrap()))),
            (mu - spread, mu + spread, Box::new(|n| {
                Box::new(Gaussian::learned(full(mu, n), Tensor::full(log_var, (), &CPU).unwrap()).unwrap())
            })),
        ];
        for (from, to, p) in makers {
            let [total, first, second] = moments(from, to, &p);
            prop_assert!((total - 1.0).abs() < 1e-5, "∫p = {total}");
            let p = p(DRAWS);
            let mean = values(&p.mean().unwrap())[0];
            prop_assert!((mean - first).abs() < 1e-5 * (1.0 + first.abs()), "mean {mean}, ∫xp = {first}");
            let draws = values(&p.sample(&mut Random::new(seed)).unwrap());
            within_errors(&draws, first)?;
            within_errors(&draws.iter().map(|x| (x - first).powi(2)).collect::<Vec<_>>(), second - first * first)?;
        }
    }

    /// The posterior's density integrates to one, and is the product of its dimensions' densities.
    #[test]
    fn posterior_density(mu in vec(-20.0..20.0f64, 3), log_var in vec(-8.0..6.0f64, 3), z in vec(-2.0..2.0f64, 3)) {
        let spread = 12.0 * (0.5 * log_var[0]).exp();
        let n = 20_000;
        let width = 2.0 * spread / n as f64;
        let points: Vec<f64> = (0..n).map(|i| mu[0] - spread + (i as f64 + 0.5) * width).collect();
        let density = gaussian(&mu[..1], &log_var[..1], n).log_prob(&Tensor::new(&*points, &CPU).unwrap().unsqueeze(1).unwrap());
        let total: f64 = values(&density.unwrap()).iter().map(|l| l.exp() * width).sum();
        prop_assert!((total - 1.0).abs() < 1e-6, "∫q = {total}");

        let z: Vec<f64> = (0..3).map(|d| mu[d] + z[d] * (0.5 * log_var[d]).exp()).collect();
        let joint = values(&gaussian(&mu, &log_var, 1).log_prob(&rows(&z, 1)).unwrap())[0];
        let product: f64 = (0..3).map(|d| values(&gaussian(&mu[d..=d], &log_var[d..=d], 1).log_prob(&rows(&z[d..=d], 1)).unwrap())[0]).sum();
        prop_assert!((joint - product).abs() < 1e-9 * (1.0 + product.abs()));
    }

    /// The probabilities of all 16 binary images of four pixels sum to one, in float64 and by the fast float32 path, and
    /// samples have the mean.
    #[test]
    fn bernoulli_probabilities_and_samples(logits in vec(-50.0..50.0f64, 4), seed: u64) {
        let images: Vec<f64> = (0..16).flat_map(|i| (0..4).map(move |bit| f64::from(i >> bit & 1))).collect();
        let images = Tensor::from_vec(images, (16, 4), &CPU).unwrap();
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
            let [logits, images] = [&rows(&logits, 16), &images].map(|t| t.to_dtype(dtype).unwrap());
            let total: f64 = values(&Bernoulli::new(logits).unwrap().log_prob(&images).unwrap()).iter().map(|l| l.exp()).sum();
            prop_assert!((total - 1.0).abs() < tolerance, "{dtype:?}: {total}");
        }
        // Not so sure that the draws could all be the same.
        let logit = logits[0] / 12.0;
        let p = Bernoulli::new(rows(&[logit], DRAWS)).unwrap();
        let draws = values(&p.sample(&mut Random::new(seed)).unwrap());
        let mean = values(&p.mean().unwrap())[0];
        prop_assert!((mean - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-12);
        within_errors(&draws, mean)?;
    }

    /// Closed-form KLs and the entropy are the Monte Carlo means of their log-ratios within five standard errors.
    #[test]
    fn divergences_agree_with_monte_carlo(
        q in vec((-3.0..3.0f64, -3.0..2.0f64), 1..4),
        p in vec((-3.0..3.0f64, -3.0..2.0f64), 3),
        seed: u64,
    ) {
        let (mu, log_var): (Vec<f64>, Vec<f64>) = q.iter().copied().unzip();
        let (p_mu, p_log_var): (Vec<f64>, Vec<f64>) = p.into_iter().take(q.len()).unzip();
        let (q, p) = (gaussian(&mu, &log_var, DRAWS), gaussian(&p_mu, &p_log_var, DRAWS));
        let standard = DiagonalGaussian::standard_like(q.mu()).unwrap();
        let z = q.rsample(&mut Random::new(seed)).unwrap();
        let log_q = q.log_prob(&z).unwrap();
        for (closed, other) in [(q.kl_to_standard(), &standard), (q.kl_to(&p), &p)] {
            let ratios = (&log_q - other.log_prob(&z).unwrap()).unwrap();
            within_errors(&values(&ratios), values(&closed.unwrap())[0])?;
        }
        within_errors(&values(&log_q.neg().unwrap()), values(&q.entropy().unwrap())[0])?;
    }

    /// Reparameterized samples have the mean, the variance and the independence that the parameters say.
    #[test]
    fn samples_have_their_moments(mu in vec(-20.0..20.0f64, 2), log_var in vec(-8.0..6.0f64, 2), seed: u64) {
        let z = values(&gaussian(&mu, &log_var, DRAWS).rsample(&mut Random::new(seed)).unwrap());
        let standard = |d: usize| z.iter().skip(d).step_by(2).map(move |z| (z, d));
        let noise: [Vec<f64>; 2] = [0, 1].map(|d| standard(d).map(|(z, d)| (z - mu[d]) / (0.5 * log_var[d]).exp()).collect());
        for noise in &noise {
            within_errors(noise, 0.0)?;
            within_errors(&noise.iter().map(|e| e * e).collect::<Vec<_>>(), 1.0)?;
            within_errors(&noise.iter().map(|e| e.powi(4)).collect::<Vec<_>>(), 3.0)?;
        }
        within_errors(&noise[0].iter().zip(&noise[1]).map(|(a, b)| a * b).collect::<Vec<_>>(), 0.0)?;
    }
}

proptest! {
    #![proptest_config(cases(500))]

    /// A KL is never negative beyond rounding, and zero from a distribution to itself.
    #[test]
    fn divergences_are_not_negative(q in vec((-10.0..10.0f64, signed(30.0)), 3), p in vec((-10.0..10.0f64, signed(30.0)), 3)) {
        let both = |rows: &[(f64, f64)], dtype| {
            let (mu, log_var): (Vec<f64>, Vec<f64>) = rows.iter().copied().unzip();
            let [mu, log_var] = [mu, log_var].map(|row| self::rows(&row, 1).to_dtype(dtype).unwrap());
            DiagonalGaussian::new(mu, log_var).unwrap()
        };
        for (dtype, rounding) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
            let (q, p) = (both(&q, dtype), both(&p, dtype));
            for kl in [q.kl_to_standard(), q.kl_to(&p), q.kl_per_dimension()] {
                prop_assert!(values(&kl.unwrap()).iter().all(|&kl| kl >= -rounding), "{q:?} {p:?}");
            }
            prop_assert!(values(&q.kl_to(&q).unwrap())[0].abs() <= rounding);
        }
    }

    /// With logits up to ±10⁴ and log-variances up to ±30, in float32, everything is finite with finite gradients and close to
    /// float64.
    #[test]
    fn extremes_are_finite_and_accurate(
        logit in prop_oneof![signed(1e4), -0.5..0.5f64, Just(0.0), Just(1e4), Just(-1e4)],
        log_var in prop_oneof![signed(30.0), Just(0.0), Just(30.0), Just(-30.0)],
        mu in -10.0..10.0f64,
        x in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64],
    ) {
        type Function = fn([&Tensor; 4]) -> vae_core::Result<Tensor>;
        let functions: [(&str, Function); 11] = [
            ("Bernoulli", |[l, _, _, x]| Bernoulli::new(l.clone())?.log_prob(x)),
            ("its mean", |[l, ..]| Bernoulli::new(l.clone())?.mean()),
            ("continuous Bernoulli", |[l, _, _, x]| ContinuousBernoulli::new(l.clone())?.log_prob(x)),
            ("its mean", |[l, ..]| ContinuousBernoulli::new(l.clone())?.mean()),
            ("Gaussian", |[_, v, m, x]| Gaussian::learned(m.clone(), v.clone())?.log_prob(x)),
            ("posterior", |[_, v, m, x]| DiagonalGaussian::new(m.clone(), v.clone())?.log_prob(x)),
            ("its sample", |[_, v, m, x]| DiagonalGaussian::new(m.clone(), v.clone())?.rsample_with(x)),
            ("entropy", |[_, v, m, _]| DiagonalGaussian::new(m.clone(), v.clone())?.entropy()),
            ("KL", |[_, v, m, _]| DiagonalGaussian::new(m.clone(), v.clone())?.kl_to_standard()),
            ("KL to another", |[_, v, m, x]| {
                DiagonalGaussian::new(m.clone(), v.clone())?.kl_to(&DiagonalGaussian::new(x.clone(), v.neg()?)?)
            }),
            ("standard deviation", |[_, v, m, _]| DiagonalGaussian::new(m.clone(), v.clone())?.std()),
        ];
        for (name, function) in functions {
            let [single, double] = [DType::F32, DType::F64].map(|dtype| {
                // Rounded to float32 first: what is compared is the function, not its argument.
                let vars = [logit, log_var, mu].map(|v| Var::from_tensor(&rows(&[v], 1).to_dtype(DType::F32).unwrap().to_dtype(dtype).unwrap()).unwrap());
                let x = rows(&[x], 1).to_dtype(DType::F32).unwrap().to_dtype(dtype).unwrap();
                let y = function([vars[0].as_tensor(), vars[1].as_tensor(), vars[2].as_tensor(), &x]).unwrap();
                let gradients = y.sum_all().unwrap().backward().unwrap();
                let mut all = values(&y);
                all.extend(vars.iter().flat_map(|var| gradients.get(var).map(values).unwrap_or_default()));
                all
            });
            prop_assert_eq!(single.len(), double.len());
            prop_assert!(single.len() > 1, "{} has no gradient", name);
            for (single, double) in single.iter().zip(&double) {
                prop_assert!(single.is_finite() && double.is_finite(), "{name}: {single} {double}");
                prop_assert!((single - double).abs() <= 1e-5 * (1.0 + double.abs()), "{name}: {single} {double}");
            }
        }
    }
}
