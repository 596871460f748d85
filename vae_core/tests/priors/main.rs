//! Learned priors: the densities of mixtures and flows against sums, formulas and Jacobians, and the models that have one.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // other tests need more of it
#[path = "../double/mod.rs"]
mod double;
#[allow(dead_code)]
#[path = "../guests/harness.rs"]
mod harness;
mod kl;
mod mixture;
mod real_nvp;
mod with_prior;

use harness::numbers;
use vae_core::prelude::*;

const CPU: Device = Device::Cpu;

fn double(x: &Tensor) -> Tensor {
    x.to_dtype(DType::F64).unwrap()
}

/// A grid of points in the plane, (n, 2) in float64, over [−`end`, `end`]², and the area that each stands for.
fn grid(end: f64, step: f64) -> Result<(Tensor, f64)> {
    let count = (2.0 * end / step) as usize + 1;
    let axis = (Tensor::arange(0u32, count as u32, &CPU)?.to_dtype(DType::F64)?.affine(step, -end))?;
    Ok((Tensor::stack(&Tensor::meshgrid(&[&axis, &axis], true)?, 2)?.reshape(((), 2))?, step * step))
}

/// Means of z and of all products of its numbers, beside each other.
fn moments_of(z: &Tensor) -> Result<Tensor> {
    let products = z.unsqueeze(2)?.broadcast_mul(&z.unsqueeze(1)?)?.flatten_from(1)?;
    Ok(Tensor::cat(&[z, &products], 1)?)
}

/// Draws have the first two moments that the density has on a grid, within five standard errors.
fn draws_are_of_the_density(on_grid: &dyn Distribution, grid: (&Tensor, f64), draws: &dyn Distribution) -> Result<()> {
    let shares = (double(&on_grid.log_prob(&grid.0.to_dtype(DType::F32)?)?).exp()? * grid.1)?.unsqueeze(1)?;
    let exact = moments_of(grid.0)?.broadcast_mul(&shares)?.sum(0)?;
    let drawn = moments_of(&double(&draws.sample(&mut Random::new(1))?))?;
    let error = (drawn.var(0)? / drawn.dims()[0] as f64)?.sqrt()?;
    let ratio = ((drawn.mean(0)? - &exact)? / error)?;
    assert!(numbers(&ratio).iter().all(|ratio| ratio.abs() < 5.0), "{ratio}, of {exact}");
    Ok(())
}

/// Gradients of a number by float64 variables are those of central differences, at all places.
fn gradients_are_those_of_differences(variables: &[(&str, &Var)], f: impl Fn() -> Result<Tensor>) -> Result<()> {
    let gradients = f()?.backward()?;
    for (name, var) in variables {
        let gradient = numbers(gradients.get(var).unwrap());
        let before = numbers(var);
        let largest = gradient.iter().fold(0.0f64, |most, g| most.max(g.abs()));
        assert!(largest > 0.0, "{name} has no gradient");
        for (at, gradient) in gradient.iter().enumerate() {
            let moved = |step: f64| -> Result<f64> {
                let mut moved = before.clone();
                moved[at] += step;
                var.set(&Tensor::from_vec(moved, var.shape(), &CPU)?)?;
                Ok(numbers(&f()?)[0])
            };
            let difference = (moved(1e-6)? - moved(-1e-6)?) / 2e-6;
            assert!((gradient - difference).abs() < 1e-6 * (1.0 + largest), "{name}[{at}]: {gradient} {difference}");
        }
        var.set(&Tensor::from_vec(before, var.shape(), &CPU)?)?;
    }
    Ok(())
}
