//! Flows of couplings, in float64.

use vae_core::{distributions::Conditioner, prelude::*};

use crate::{CPU, draws_are_of_the_density, gradients_are_those_of_differences, grid, numbers};

/// The weights of couplings with one hidden layer of tanh, for codes of this width: float64, the further from the identity the
/// larger `scale` is.
fn weights(couplings: usize, width: usize, scale: f64) -> Result<Vec<[Var; 2]>> {
    let mut random = Random::new(7);
    let mut draw = |shape: (usize, usize)| -> Result<Var> {
        Ok(Var::from_tensor(&(random.normal(shape, &CPU)?.to_dtype(DType::F64)? * scale)?)?)
    };
    let coupling = |i| {
        let (kept, moved) = RealNvp::widths(i, width);
        Ok([draw((kept, 6))?, draw((6, 2 * moved))?])
    };
    (0..couplings).map(coupling).collect()
}

fn flow(weights: &[[Var; 2]], shape: (usize, usize), dtype: DType) -> Result<RealNvp> {
    let network = |[first, second]: &[Var; 2]| -> Result<Conditioner> {
        let (first, second) = (first.to_dtype(dtype)?, second.to_dtype(dtype)?);
        Ok(Box::new(move |a: &Tensor| Ok((a + 0.3)?.matmul(&first)?.tanh()?.matmul(&second)?)))
    };
    let base = DiagonalGaussian::standard(shape, dtype, &CPU)?;
    RealNvp::new(base, weights.iter().map(network).collect::<Result<_>>()?)
}

/// ln |det A| by elimination with pivots.
fn log_determinant(mut a: Vec<Vec<f64>>) -> f64 {
    let mut sum = 0.0;
    for i in 0..a.len() {
        let pivot = (i..a.len()).max_by(|&j, &k| a[j][i].abs().total_cmp(&a[k][i].abs())).unwrap();
        a.swap(i, pivot);
        sum += a[i][i].abs().ln();
        for j in i + 1..a.len() {
            let factor = a[j][i] / a[i][i];
            (i..a.len()).for_each(|k| a[j][k] -= factor * a[i][k]);
        }
    }
    sum
}

/// The way back leads back, and the log-determinant is that of the Jacobian that backpropagation finds: in even and odd widths, with couplings
/// that move one half, both, and both several times.
#[test]
fn log_determinants_are_those_of_jacobians() -> Result<()> {
    for width in 2..=5 {
        for couplings in 0..=5 {
            let p = flow(&weights(couplings, width, 1.0)?, (6, width), DType::F64)?;
            let z = Var::from_tensor(&(Random::new(3).normal((6, width), &CPU)?.to_dtype(DType::F64)? * 2.0)?)?;
            let (u, log_det) = p.to_base(&z)?;
            check::close("there and back", &p.from_base(&u)?, z.as_tensor(), 1e-9)?;
            let row = |i| -> Result<Tensor> { Ok(u.narrow(1, i, 1)?.sum_all()?.backward()?.get(&z).unwrap().clone()) };
            let jacobians = Tensor::stack(&(0..width).map(row).collect::<Result<Vec<_>>>()?, 1)?.to_vec3::<f64>()?;
            for (jacobian, log_det) in jacobians.into_iter().zip(numbers(&log_det)) {
                let found = log_determinant(jacobian);
                assert!((found - log_det).abs() < 1e-9 * (1.0 + found.abs()), "{width} {couplings}: {found} {log_det}");
            }
            let density = (DiagonalGaussian::standard_like(&u)?.log_prob(&u)? + log_det)?;
            check::close("change of variables", &p.log_prob(&z)?, &density, 1e-12)?;
        }
    }
    Ok(())
}

/// Each half has its turn: after one coupling the first half of a code is what it was, after two no dimension is.
#[test]
fn halves_take_turns() -> Result<()> {
    for (width, kept) in [(2, 1), (3, 2), (5, 3)] {
        let z = Random::new(3).normal((1, width), &CPU)?.to_dtype(DType::F64)?;
        let same = |couplings| -> Result<Vec<bool>> {
            let u = flow(&weights(couplings, width, 1.0)?, (1, width), DType::F64)?.to_base(&z)?.0;
            Ok(numbers(&u).iter().zip(numbers(&z)).map(|(u, z)| *u == z).collect())
        };
        assert_eq!(same(1)?, (0..width).map(|j| j < kept).collect::<Vec<_>>());
        assert_eq!(same(2)?, vec![false; width]);
    }
    Ok(())
}

/// The density integrates to 1, draws have its moments, and rows that are alike are one draw.
#[test]
fn a_density_and_its_draws() -> Result<()> {
    let (z, area) = grid(30.0, 0.05)?;
    let weights = weights(4, 2, 0.4)?;
    let on_grid = flow(&weights, (z.dims()[0], 2), DType::F32)?;
    let total = numbers(&on_grid.log_prob(&z.to_dtype(DType::F32)?)?).iter().map(|x| x.exp()).sum::<f64>() * area;
    assert!((total - 1.0).abs() < 2e-3, "{total}");
    let draws = flow(&weights, (100_000, 2), DType::F32)?;
    draws_are_of_the_density(&on_grid, (&z, area), &draws)?;
    let alike = draws.sample(&mut Random::new(1).alike())?;
    assert_eq!(alike.get(0)?.to_vec1::<f32>()?, alike.get(99_999)?.to_vec1::<f32>()?);
    Ok(())
}

/// Gradients of density, draw and mean by codes and networks are those of differences in float64.
#[test]
fn gradients() -> Result<()> {
    let weights = weights(3, 3, 1.0)?;
    let z = Var::from_tensor(&Random::new(3).normal((4, 3), &CPU)?.to_dtype(DType::F64)?)?;
    let vars: Vec<(&str, &Var)> = weights.iter().flatten().map(|var| ("a weight", var)).collect();
    let p = || flow(&weights, (4, 3), DType::F64);
    let density = || Ok(p()?.log_prob(&z)?.sum_all()?);
    gradients_are_those_of_differences(&[&vars[..], &[("z", &z)]].concat(), density)?;
    gradients_are_those_of_differences(&vars, || Ok(p()?.sample(&mut Random::new(1))?.sqr()?.sum_all()?))?;
    gradients_are_those_of_differences(&vars, || Ok(p()?.mean()?.sum_all()?))
}

/// However far out a code is and whatever a network says, a coupling stretches by e² at most: numbers stay numbers in float32, with a gradient.
#[test]
fn stays_finite() -> Result<()> {
    let network = || -> Conditioner { Box::new(|a| Ok(Tensor::cat(&[a, &(a * 1e6)?], 1)?)) };
    let base = DiagonalGaussian::standard((4, 2), DType::F32, &CPU)?;
    let p = RealNvp::new(base, (0..8).map(|_| network()).collect())?;
    let z = Var::new(&[[0f32, 0.], [1e3, -1e3], [-1e9, 1e3], [1e12, 1e12]], &CPU)?;
    let log_prob = p.log_prob(&z)?;
    let gradients = log_prob.sum_all()?.backward()?;
    let all = [log_prob, gradients.get(&z).unwrap().clone(), p.from_base(&z)?, p.sample(&mut Random::new(1))?];
    assert!(all.iter().flat_map(numbers).all(|x| x.is_finite()), "{all:?}");
    let log_det = numbers(&p.to_base(&z)?.1);
    assert!(log_det.iter().all(|x| x.abs() <= 16.0), "{log_det:?}");
    Ok(())
}

/// A single dimension, a network of another width and codes of another shape are refused with what was expected.
#[test]
fn misuse_is_refused() -> Result<()> {
    let said = |result: Result<()>| result.unwrap_err().to_string();
    let base = |width| DiagonalGaussian::standard((2, width), DType::F32, &CPU);
    assert!(
        said(RealNvp::new(base(1)?, vec![]).map(drop))
            .contains("base of a RealNvp: expected shape (batch, D), D of 2 or more")
    );
    let narrow = RealNvp::new(base(3)?, vec![Box::new(|a| Ok(a.narrow(1, 0, 1)?))])?;
    let z = Tensor::zeros((2, 3), DType::F32, &CPU)?;
    assert!(said(narrow.log_prob(&z).map(drop)).contains("expected shape [2, 2], μ and log-scale of 1 dimensions"));
    assert!(said(narrow.log_prob(&z.narrow(1, 0, 2)?).map(drop)).contains("z of a RealNvp: expected shape [2, 3]"));
    assert!(said(narrow.from_base(&z.narrow(0, 0, 1)?).map(drop)).contains("u of a RealNvp"));
    Ok(())
}
