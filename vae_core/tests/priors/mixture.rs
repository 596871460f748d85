//! Mixtures of diagonal Gaussians.

use vae_core::prelude::*;

use crate::{CPU, double, draws_are_of_the_density, gradients_are_those_of_differences, grid, numbers};

const MU: [[f32; 2]; 3] = [[0.5, -1.0], [2.0, 1.0], [-1.5, 0.3]];
const LOG_VAR: [[f32; 2]; 3] = [[-1.0, 0.4], [0.2, -2.0], [0.0, -0.5]];
const LOGITS: [f32; 3] = [0.3, -1.0, 1.2];

fn parts() -> Result<DiagonalGaussian> {
    DiagonalGaussian::new(Tensor::new(&MU, &CPU)?, Tensor::new(&LOG_VAR, &CPU)?)
}

/// With weights or in equal parts.
fn mixture(weighted: bool, rows: usize) -> Result<Mixture> {
    if weighted {
        Mixture::weighted(parts()?, &Tensor::new(&LOGITS, &CPU)?, rows)
    } else {
        Mixture::new(parts()?, rows)
    }
}

/// The density is that of the formula in float64 all over a grid, and integrates to 1.
#[test]
fn density() -> Result<()> {
    let (z, area) = grid(9.0, 0.05)?;
    for weighted in [false, true] {
        let log_prob = numbers(&mixture(weighted, z.dims()[0])?.log_prob(&z.to_dtype(DType::F32)?)?);
        let weight = |k: usize| if weighted { (LOGITS[k] as f64).exp() } else { 1.0 };
        let total: f64 = (0..3).map(weight).sum();
        let part = |z: &[f64], k: usize| {
            let factor = |j: usize| {
                let (mu, variance) = (MU[k][j] as f64, (LOG_VAR[k][j] as f64).exp());
                (-0.5 * (z[j] - mu).powi(2) / variance).exp() / (std::f64::consts::TAU * variance).sqrt()
            };
            weight(k) / total * factor(0) * factor(1)
        };
        for (z, log_prob) in numbers(&z).chunks(2).zip(&log_prob) {
            let exact = (0..3).map(|k| part(z, k)).sum::<f64>().ln();
            assert!((log_prob - exact).abs() < 1e-5 * exact.abs().max(1.0), "{z:?}: {log_prob} {exact}");
        }
        let integral = log_prob.iter().map(|log_prob| log_prob.exp()).sum::<f64>() * area;
        assert!((integral - 1.0).abs() < 1e-4, "{integral}");
    }
    Ok(())
}

/// A single part is that Gaussian, whatever its weight: density, mean and draws.
#[test]
fn of_one_part() -> Result<()> {
    let random = &mut Random::new(1);
    let [mu, log_var] = [1.0, 0.3].map(|scale| random.normal((1, 7), &CPU).and_then(|x| Ok((x * scale)?)));
    let (mu, log_var, z) = (mu?, log_var?, random.normal((5, 7), &CPU)?);
    let one = Mixture::weighted(DiagonalGaussian::new(mu.clone(), log_var.clone())?, &Tensor::new(&[-3f32], &CPU)?, 5)?;
    let gaussian = DiagonalGaussian::new(mu.repeat((5, 1))?, log_var.repeat((5, 1))?)?;
    check::close("log-density", &one.log_prob(&z)?, &gaussian.log_prob(&z)?, 1e-5)?;
    check::close("mean", &one.mean()?, gaussian.mu(), 1e-6)?;
    let mut random = Random::new(2);
    random.uniform(5, &CPU)?; // which part
    check::close("draw", &one.sample(&mut Random::new(2))?, &gaussian.sample(&mut random)?, 1e-6)
}

/// Draws have the density's moments; they are one draw where rows are alike, have no gradient, and come from a part in proportion to its weight.
#[test]
fn draws() -> Result<()> {
    let (z, area) = grid(9.0, 0.05)?;
    for weighted in [false, true] {
        let draws = mixture(weighted, 100_000)?;
        draws_are_of_the_density(&mixture(weighted, z.dims()[0])?, (&z, area), &draws)?;
        let alike = draws.sample(&mut Random::new(1).alike())?;
        assert_eq!(alike.get(0)?.to_vec1::<f32>()?, alike.get(99_999)?.to_vec1::<f32>()?);
    }
    // Far apart, so that each draw tells its part; the weight of the last is 0.
    let mu = Var::new(&[[0f32], [1e3], [2e3], [3e3]], &CPU)?;
    let narrow = DiagonalGaussian::new(mu.as_tensor().clone(), mu.zeros_like()?)?;
    let logits = Tensor::new(&[0f32, 2f32.ln(), 5f32.ln(), f32::NEG_INFINITY], &CPU)?;
    let draws = Mixture::weighted(narrow, &logits, 80_000)?.sample(&mut Random::new(3))?;
    let of_part = |k: usize| numbers(&draws).iter().filter(|z| (*z / 1e3).round() == k as f64).count() as f64 / 1e4;
    for (k, share) in [1.0, 2.0, 5.0, 0.0].into_iter().enumerate() {
        assert!((of_part(k) - share).abs() < 0.08, "part {k}: {} of 8, not {share}", of_part(k));
    }
    assert!(draws.sum_all()?.backward()?.get(&mu).is_none());
    Ok(())
}

/// Gradients by codes, means, log-variances and logits are those of differences in float64, and those of float32 are near them.
#[test]
fn gradients() -> Result<()> {
    let z = Random::new(1).normal((9, 2), &CPU)?;
    let all = [z, Tensor::new(&MU, &CPU)?, Tensor::new(&LOG_VAR, &CPU)?, Tensor::new(&LOGITS, &CPU)?];
    let weights = Random::new(2).normal(9, &CPU)?;
    let sum = |[z, mu, log_var, logits]: [&Var; 4]| -> Result<Tensor> {
        let parts = DiagonalGaussian::new(mu.as_tensor().clone(), log_var.as_tensor().clone())?;
        let log_prob = Mixture::weighted(parts, logits, 9)?.log_prob(z)?;
        Ok((log_prob * weights.to_dtype(z.dtype())?)?.sum_all()?)
    };
    let vars = |dtype| all.each_ref().map(|x| Var::from_tensor(&x.to_dtype(dtype).unwrap()).unwrap());
    let (single, exact) = (vars(DType::F32), vars(DType::F64));
    let names = ["z", "mu", "log_var", "logits"];
    let named: Vec<_> = names.into_iter().zip(&exact).collect();
    gradients_are_those_of_differences(&named, || sum(exact.each_ref()))?;
    let (own, reference) = (sum(single.each_ref())?.backward()?, sum(exact.each_ref())?.backward()?);
    for ((name, own_var), var) in names.into_iter().zip(&single).zip(&exact) {
        check::close(name, double(own.get(own_var).unwrap()), reference.get(var).unwrap(), 1e-5)?;
    }
    Ok(())
}

/// No parts, no dimensions, logits of another number, codes of another shape or type are refused with what was expected.
#[test]
fn misuse_is_refused() -> Result<()> {
    let said = |result: Result<()>| result.unwrap_err().to_string();
    let none = DiagonalGaussian::standard((0, 2), DType::F32, &CPU)?;
    assert!(said(Mixture::new(none, 1).map(drop)).contains("at least one of each"));
    let two = Tensor::zeros(2, DType::F32, &CPU)?;
    assert!(said(Mixture::weighted(parts()?, &two, 1).map(drop)).contains("[3], one for each part"));
    let typed = Tensor::zeros(3, DType::F64, &CPU)?;
    assert!(said(Mixture::weighted(parts()?, &typed, 1).map(drop)).contains("expected type F32"));
    let z = Tensor::zeros((2, 2), DType::F32, &CPU)?;
    assert!(said(mixture(true, 3)?.log_prob(&z).map(drop)).contains("z of a mixture: expected shape [3, 2]"));
    assert!(said(mixture(true, 2)?.log_prob(&double(&z)).map(drop)).contains("expected type F32"));
    Ok(())
}
