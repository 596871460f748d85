//! One step of Adam (Kingma & Ba 2015) on parameters θ with gradients g and running means m and v, all of one shape, in place.
//!
//! ```text
//! m ← k₁ m + t₁ g        v ← k₂ v + t₂ g²        θ ← θ − rate · m / (√v + ε)
//! k = β                  t₁ = (1 − β₁) · scale   t₂ = (1 − β₂) · scale²
//! ```
//! The corrections of both means are moved into rate and ε, so that these six numbers are all that a path knows. There is nothing to
//! differentiate.

mod cpu;
mod cuda;

use candle_core::{Tensor, Var};
use rayon::prelude::*;

use super::{
    Path,
    cuda::has_kernels,
    gradients::Gradient,
    kernels::{in_pool, slices::with_slices},
    path,
};
use crate::Result;

/// A parameter with its gradient and running means.
pub(crate) struct Slot<'a> {
    pub(crate) theta: &'a Var,
    pub(crate) gradient: Gradient<'a>,
    pub(crate) m: &'a Var,
    pub(crate) v: &'a Var,
}

/// The numbers of one step.
#[derive(Clone, Copy)]
pub(crate) struct Update {
    /// k₁ and k₂, what the old means are multiplied by.
    pub(crate) keep: [f64; 2],
    /// t₁ and t₂, what the new gradient and its square are multiplied by.
    pub(crate) take: [f64; 2],
    pub(crate) rate: f64,
    pub(crate) epsilon: f64,
}

/// In candle's own operations.
fn reference(update: &Update, theta: &Var, g: &Tensor, m: &Var, v: &Var) -> Result<()> {
    if theta.elem_count() == 0 {
        // There candle's operations return the variable itself, which cannot be set to itself.
        return Ok(());
    }
    let Update { keep, take, rate, epsilon } = *update;
    m.set(&((m.as_tensor() * keep[0])? + (g * take[0])?)?)?;
    v.set(&((v.as_tensor() * keep[1])? + (g.sqr()? * take[1])?)?)?;
    let denominator = v.sqrt()?.affine(1.0, epsilon)?;
    theta.set(&(theta.as_tensor() - (m.as_tensor() * rate)?.div(&denominator)?)?)?;
    Ok(())
}

/// One step of all parameters.
pub(crate) fn step(slots: &[Slot], update: &Update) -> Result<()> {
    if slots.iter().any(|slot| has_kernels(slot.theta.device())) {
        // On this thread: another one might have another CUDA stream.
        return cuda::step(slots, update);
    }
    // Side by side: where one runs out of tasks for all threads, there are those of the next.
    let one = |&Slot { theta, ref gradient, m, v }: &Slot| match gradient {
        Gradient::Numbers(g) => cpu::step(update, theta, g, m, v),
        Gradient::Tensor(g) if path([theta, g, m, v]) == Path::Cpu => {
            with_slices([&g.contiguous()?], |[g]| cpu::step(update, theta, g, m, v))
        }
        Gradient::Tensor(g) => reference(update, theta, g, m, v),
    };
    in_pool(|| slots.par_iter().try_for_each(one))
}

/// Some steps of more parameters than one launch holds, one of them empty, with both kinds of gradients.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    use super::compare::{double, normal};
    let update = Update { keep: [0.9, 0.999], take: [0.05, 2.5e-4], rate: 0.1, epsilon: 1e-8 };
    let lengths = 0..100;
    let starts: Vec<_> = lengths.map(|n| [1, 2].map(|seed| normal(seed + n as u64, &[n, 3]))).collect();
    let var = |x: &Tensor| Var::from_tensor(x).unwrap();
    let states = |theta: &Tensor| [var(theta), var(&theta.zeros_like().unwrap()), var(&theta.zeros_like().unwrap())];
    let got = place.compute(|device| {
        let there = |x: &Tensor| x.to_device(device).unwrap();
        let parts: Vec<_> =
            starts.iter().map(|[theta, g]| (states(&there(theta)), there(g), g.flatten_all())).collect();
        let numbers: Vec<Vec<f32>> = parts.iter().map(|(_, _, g)| g.as_ref().unwrap().to_vec1().unwrap()).collect();
        let slots = parts.iter().zip(&numbers).enumerate().map(|(i, (([theta, m, v], g, _), numbers))| {
            let gradient = if i % 3 == 0 { Gradient::Numbers(numbers) } else { Gradient::Tensor(g) };
            Slot { theta, gradient, m, v }
        });
        let slots: Vec<_> = slots.collect();
        (0..3).for_each(|_| step(&slots, &update).unwrap());
        parts.into_iter().flat_map(|(states, ..)| states.map(|state| state.as_detached_tensor())).collect::<Vec<_>>()
    });
    let expected = starts.iter().flat_map(|[theta, g]| {
        let [theta, m, v] = states(&double(theta));
        (0..3).for_each(|_| reference(&update, &theta, &double(g), &m, &v).unwrap());
        [theta, m, v]
    });
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let expected = expected.flatten_all().unwrap().to_vec1().unwrap();
        place.close(&format!("tensor {} of parameter {}", i % 3, i / 3), 2e-6, got, &expected);
    }
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }
}
