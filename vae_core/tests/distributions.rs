//! Densities, divergences and gradients against closed forms, sums over grids, Monte Carlo and finite differences.
#![allow(clippy::unwrap_used)]

use vae_core::{
    Result,
    candle::{DType, Device, Tensor, Var},
    distributions::{Bernoulli, ContinuousBernoulli, DiagonalGaussian, Distribution, Gaussian},
    random::Random,
};

const CPU: Device = Device::Cpu;

fn column(values: &[f64]) -> Result<Tensor> {
    Ok(Tensor::new(values, &CPU)?.unsqueeze(1)?)
}

fn values(x: &Tensor) -> Result<Vec<f64>> {
    Ok(x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?)
}

fn close(got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= tolerance * (1.0 + want.abs()), "got {got}, want {want}");
    }
}

/// ∫ f over [from, to] by the midpoint rule, where f maps (n, 1) points to (n,) values.
fn integrate(from: f64, to: f64, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<f64> {
    let n = 20_000;
    let width = (to - from) / n as f64;
    let points: Vec<f64> = (0..n).map(|i| from + (i as f64 + 0.5) * width).collect();
    Ok(values(&f(&column(&points)?)?)?.iter().sum::<f64>() * width)
}

/// d f / d x at each element by central differences, where f maps a tensor like `x` to a scalar.
fn finite_difference(x: &[f64], f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Vec<f64>> {
    let h = 1e-5;
    let at = |i: usize, step: f64| -> Result<f64> {
        let mut moved = x.to_vec();
        moved[i] += step;
        Ok(f(&column(&moved)?)?.to_scalar::<f64>()?)
    };
    (0..x.len()).map(|i| Ok((at(i, h)? - at(i, -h)?) / (2.0 * h))).collect()
}

const LOGITS: [f64; 11] = [-30.0, -3.0, -0.2, -0.05, 0.0, 0.005, 0.0999, 0.2499, 0.2501, 2.0, 25.0];

/// The continuous densities integrate to one over their support.
#[test]
fn densities_integrate_to_one() -> Result<()> {
    for logit in LOGITS {
        let density = |x: &Tensor| -> Result<Tensor> {
            Ok(ContinuousBernoulli::new(x.zeros_like()?.affine(1.0, logit)?)?.log_prob(x)?.exp()?)
        };
        close(&[integrate(0.0, 1.0, density)?], &[1.0], 1e-5);
    }
    for (mu, variance) in [(0.0, 1.0), (-2.0, 0.3), (1.0, 9.0f64)] {
        let spread = 12.0 * variance.sqrt();
        let fixed = |x: &Tensor| -> Result<Tensor> {
            Ok(Gaussian::fixed(x.zeros_like()?.affine(1.0, mu)?, variance)?.log_prob(x)?.exp()?)
        };
        close(&[integrate(mu - spread, mu + spread, fixed)?], &[1.0], 1e-9);
        let posterior = |z: &Tensor| -> Result<Tensor> {
            let log_var = z.zeros_like()?.affine(1.0, variance.ln())?;
            Ok(DiagonalGaussian::new(z.zeros_like()?.affine(1.0, mu)?, log_var)?.log_prob(z)?.exp()?)
        };
        close(&[integrate(mu - spread, mu + spread, posterior)?], &[1.0], 1e-9);
    }
    Ok(())
}

/// The two outcomes of a Bernoulli have probabilities that sum to one and match 1/(1 + e⁻ˡ).
#[test]
fn bernoulli_sums_to_one() -> Result<()> {
    let bernoulli = Bernoulli::new(column(&LOGITS)?)?;
    let p = |x: f64| -> Result<Vec<f64>> { values(&bernoulli.log_prob(&column(&[x; LOGITS.len()])?)?.exp()?) };
    let (zero, one) = (p(0.0)?, p(1.0)?);
    let sums: Vec<f64> = zero.iter().zip(&one).map(|(a, b)| a + b).collect();
    close(&sums, &[1.0; LOGITS.len()], 1e-12);
    close(&one, &LOGITS.map(|l| 1.0 / (1.0 + (-l).exp())), 1e-12);
    close(&values(&bernoulli.mean()?)?, &one, 1e-12);
    Ok(())
}

/// The mean of each likelihood is the integral of x p(x), and the mean of its samples within five standard errors.
#[test]
fn means_and_samples_agree() -> Result<()> {
    let n = 200_000;
    let check = |likelihood: &dyn Distribution, random: &mut Random| -> Result<f64> {
        let samples = values(&likelihood.sample(random)?)?;
        let mean = samples.iter().sum::<f64>() / n as f64;
        let deviation = (samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        let expected = values(&likelihood.mean()?)?[0];
        let error = (mean - expected).abs() / (deviation / (n as f64).sqrt() + 1e-7);
        assert!(error < 5.0, "sample mean {mean}, mean {expected}: {error} standard errors");
        Ok(expected)
    };
    let mut random = Random::new(11);
    for logit in LOGITS {
        let logits = Tensor::full(logit, (n, 1), &CPU)?;
        check(&Bernoulli::new(logits.clone())?, &mut random)?;
        let mean = check(&ContinuousBernoulli::new(logits)?, &mut random)?;
        let first_moment = |x: &Tensor| -> Result<Tensor> {
            let density = ContinuousBernoulli::new(x.zeros_like()?.affine(1.0, logit)?)?.log_prob(x)?.exp()?;
            Ok((density * x.squeeze(1)?)?)
        };
        close(&[mean], &[integrate(0.0, 1.0, first_moment)?], 1e-5);
    }
    check(&Gaussian::fixed(Tensor::full(0.7, (n, 1), &CPU)?, 4.0)?, &mut random)?;
    Ok(())
}

/// Closed-form KLs agree with Monte Carlo within five standard errors, and are zero between equals.
#[test]
fn kl_agrees_with_monte_carlo() -> Result<()> {
    let (n, d) = (400_000, 3);
    let rows = |row: [f64; 3]| -> Result<Tensor> { Ok(Tensor::new(&row, &CPU)?.broadcast_as((n, d))?.contiguous()?) };
    let q = DiagonalGaussian::new(rows([0.5, -1.0, 2.0])?, rows([-1.0, 0.3, 0.0])?)?;
    let p = DiagonalGaussian::new(rows([0.0, 0.4, 1.0])?, rows([0.2, -0.5, 1.0])?)?;
    let standard = DiagonalGaussian::standard_like(q.mu())?;
    let z = q.rsample(&mut Random::new(5))?;
    for (closed, other) in [(q.kl_to_standard()?, &standard), (q.kl_to(&p)?, &p)] {
        let ratios = values(&(q.log_prob(&z)? - other.log_prob(&z)?)?)?;
        let mean = ratios.iter().sum::<f64>() / n as f64;
        let deviation = (ratios.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        let closed = values(&closed)?[0];
        assert!((mean - closed).abs() < 5.0 * deviation / (n as f64).sqrt(), "{mean} {closed}");
    }
    close(&values(&q.kl_to(&standard)?)?[..1], &values(&q.kl_to_standard()?)?[..1], 1e-12);
    close(&values(&q.kl_to(&q)?)?[..1], &[0.0], 1e-12);
    // entropy = −E[log q]
    let cross = values(&q.log_prob(&z)?)?.iter().sum::<f64>() / n as f64;
    assert!((cross + values(&q.entropy()?)?[0]).abs() < 0.02);
    Ok(())
}

/// Gradients of every log-probability, KL and sample agree with central differences in float64.
#[test]
fn gradients_agree_with_finite_differences() -> Result<()> {
    let points = [-4.0, -1.3, -0.05, 0.004, 0.2501, 0.2499, 2.0, 6.0];
    let x = column(&[0.0, 1.0, 0.3, 0.8, 1.0, 0.5, 0.1, 0.9])?;
    let other = DiagonalGaussian::new((&x * -2.0)?, x.affine(0.5, 0.3)?)?;
    type Function<'a> = (&'a str, Box<dyn Fn(&Tensor) -> Result<Tensor> + 'a>);
    let sum = |t: Tensor| -> Result<Tensor> { Ok(t.sum_all()?) };
    let functions: Vec<Function> = vec![
        ("Bernoulli", Box::new(|l| sum(Bernoulli::new(l.clone())?.log_prob(&x)?))),
        ("continuous Bernoulli", Box::new(|l| sum(ContinuousBernoulli::new(l.clone())?.log_prob(&x)?))),
        ("its mean", Box::new(|l| sum(ContinuousBernoulli::new(l.clone())?.mean()?))),
        ("Gaussian mean", Box::new(|m| sum(Gaussian::fixed(m.clone(), 0.3)?.log_prob(&x)?))),
        ("Gaussian log-variance", Box::new(|v| sum(Gaussian::learned(x.clone(), v.clone())?.log_prob(&(&x * 2.0)?)?))),
        ("KL, mu", Box::new(|m| sum(DiagonalGaussian::new(m.clone(), x.clone())?.kl_to_standard()?))),
        ("KL, log_var", Box::new(|v| sum(DiagonalGaussian::new(x.clone(), v.clone())?.kl_to_standard()?))),
        (
            "rsample",
            Box::new(|v| sum(DiagonalGaussian::new(x.clone(), v.clone())?.rsample(&mut Random::new(1))?.sqr()?)),
        ),
        ("Bernoulli's mean", Box::new(|l| sum(Bernoulli::new(l.clone())?.mean()?.sqr()?))),
        ("Bernoulli, x", Box::new(|y| sum(Bernoulli::new((&x * 3.0)?)?.log_prob(y)?))),
        ("continuous Bernoulli, x", Box::new(|y| sum(ContinuousBernoulli::new((&x * 3.0)?)?.log_prob(y)?))),
        ("Gaussian, x", Box::new(|y| sum(Gaussian::learned(x.clone(), x.clone())?.log_prob(y)?))),
        ("posterior, z", Box::new(|z| sum(DiagonalGaussian::new(x.clone(), x.clone())?.log_prob(z)?))),
        ("posterior, mu", Box::new(|m| sum(DiagonalGaussian::new(m.clone(), x.clone())?.log_prob(&x)?))),
        ("posterior, log_var", Box::new(|v| sum(DiagonalGaussian::new(x.zeros_like()?, v.clone())?.log_prob(&x)?))),
        ("entropy", Box::new(|v| sum(DiagonalGaussian::new(x.clone(), v.clone())?.entropy()?))),
        ("KL to another, mu", Box::new(|m| sum(DiagonalGaussian::new(m.clone(), x.clone())?.kl_to(&other)?))),
        ("KL to another, log_var", Box::new(|v| sum(DiagonalGaussian::new(x.clone(), v.clone())?.kl_to(&other)?))),
        ("KL to it, mu", Box::new(|m| sum(other.kl_to(&DiagonalGaussian::new(m.clone(), x.clone())?)?))),
        ("KL to it, log_var", Box::new(|v| sum(other.kl_to(&DiagonalGaussian::new(x.clone(), v.clone())?)?))),
    ];
    for (name, f) in functions {
        let var = Var::from_tensor(&column(&points)?)?;
        let gradients = f(var.as_tensor())?.backward()?;
        let got = values(gradients.get(&var).unwrap())?;
        println!("{name}");
        close(&got, &finite_difference(&points, f)?, 1e-6);
    }
    Ok(())
}

/// Logits of ±10⁴ and log-variances of ±30 give finite values and finite gradients in float32.
#[test]
fn extremes_stay_finite() -> Result<()> {
    let finite = |what: &str, t: &Tensor| -> Result<()> {
        assert!(values(t)?.iter().all(|v| v.is_finite()), "{what}: {t}");
        Ok(())
    };
    let x = Tensor::new(&[[0f32], [1.0], [0.5], [1.0], [0.0]], &CPU)?;
    let logits = Var::new(&[[-1e4f32], [-1e4], [0.0], [1e4], [1e4]], &CPU)?;
    let log_var = Var::new(&[[-30f32], [30.0], [0.0], [30.0], [-30.0]], &CPU)?;
    let likelihoods: [(&str, Box<dyn Distribution>, &Var); 3] = [
        ("Bernoulli", Box::new(Bernoulli::new(logits.as_tensor().clone())?), &logits),
        ("continuous Bernoulli", Box::new(ContinuousBernoulli::new(logits.as_tensor().clone())?), &logits),
        ("Gaussian", Box::new(Gaussian::learned(x.zeros_like()?, log_var.as_tensor().clone())?), &log_var),
    ];
    for (name, likelihood, var) in likelihoods {
        let log_prob = likelihood.log_prob(&x)?;
        finite(name, &log_prob)?;
        finite(name, log_prob.sum_all()?.backward()?.get(var).unwrap())?;
        finite(name, &likelihood.mean()?)?;
        finite(name, &likelihood.sample(&mut Random::new(2))?)?;
    }
    let q = DiagonalGaussian::new(x.clone(), log_var.as_tensor().clone())?;
    let kl = q.kl_to_standard()?;
    finite("KL", &kl)?;
    finite("KL gradient", kl.sum_all()?.backward()?.get(&log_var).unwrap())?;
    Ok(())
}

/// Shapes that do not fit, missing batch dimensions and impossible variances are refused with what was expected.
#[test]
fn misuse_is_refused() -> Result<()> {
    let (two, three) = (Tensor::zeros((2, 2), DType::F32, &CPU)?, Tensor::zeros((2, 3), DType::F32, &CPU)?);
    let message = |error: vae_core::Error| error.to_string();
    let text = message(Bernoulli::new(two.clone())?.log_prob(&three).unwrap_err());
    assert!(text.contains("[2, 2]") && text.contains("[2, 3]"), "{text}");
    assert!(message(DiagonalGaussian::new(two.clone(), three.clone()).unwrap_err()).contains("log_var"));
    assert!(message(Bernoulli::new(two.flatten_all()?).unwrap_err()).contains("batch"));
    assert!(message(Gaussian::learned(two.clone(), three).unwrap_err()).contains("broadcasts"));
    for variance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(message(Gaussian::fixed(two.clone(), variance).unwrap_err()).contains("positive"));
    }
    Ok(())
}
