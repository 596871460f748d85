//! The terms of an objective, from what each image has to the loss.
//!
//! ```text
//! loss = mean(β · kl − reconstruction)        reconstruction, kl: (B,) → three scalars, loss and both means
//! d/dreconstruction = −1/B                    d/dkl = β/B              the means have no gradient on the CUDA path
//! ```
//! A batch has few items, so candle's operations are the CPU path, too. Only the loss is made for `backward`.

use candle_core::Tensor;

use super::{
    Path,
    cuda::launch::{Arg, Grid, run},
    node::node2,
    path,
};
use crate::Result;

/// Loss, mean of the reconstruction and mean of the KL.
pub(crate) fn weigh(reconstruction: &Tensor, kl: &Tensor, beta: f64) -> Result<[Tensor; 3]> {
    match path([reconstruction, kl]) {
        Path::Cuda => on_cuda(&reconstruction.contiguous()?, &kl.contiguous()?, beta),
        Path::Cpu | Path::Reference => reference(reconstruction, kl, beta),
    }
}

/// In candle's own operations.
fn reference(reconstruction: &Tensor, kl: &Tensor, beta: f64) -> Result<[Tensor; 3]> {
    let (reconstruction, kl) = (reconstruction.mean_all()?, kl.mean_all()?);
    let loss = ((&kl * beta)? - &reconstruction)?;
    Ok([loss, reconstruction, kl])
}

/// In a block of threads for the loss and one for the means.
fn on_cuda(reconstruction: &Tensor, kl: &Tensor, beta: f64) -> Result<[Tensor; 3]> {
    let count = kl.elem_count();
    let launch = |kernel, shape: &[usize], more: &[f64]| {
        let mut args = vec![Arg::Tensor(reconstruction), Arg::Tensor(kl), Arg::Int(count)];
        args.extend(more.iter().map(|&x| Arg::Float(x)));
        run(kernel, kl.device(), shape, Grid::Blocks(1), &args)
    };
    let means = launch("means", &[2], &[])?.tensor();
    let loss = launch("weighted", &[], &[beta])?;
    let loss = node2("vae_core weighted terms", (reconstruction, kl), loss, move |[_, kl], _, dy| {
        let spread = |factor: f64| -> Result<_> {
            let args = [Arg::Tensor(dy), Arg::Int(count), Arg::Float(factor / count as f64)];
            Ok(Some(run("spread", kl.device(), kl.shape(), Grid::Elements, &args)?.tensor()))
        };
        Ok([spread(-1.0)?, spread(beta)?])
    })?;
    Ok([loss, means.get(0)?, means.get(1)?])
}

/// More items than a block has threads.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    let terms = [1, 2].map(|seed| super::compare::normal(seed, &[300]));
    for (what, term) in [("loss", 0), ("mean reconstruction", 1), ("mean KL", 2)] {
        let pick = |terms: [Tensor; 3]| if term == 0 { terms[0].clone() } else { terms[term].detach() };
        let ours = |x: &[Tensor]| weigh(&x[0], &x[1], 0.3).map(pick);
        place.agrees(what, 1e-5, &terms, &[], ours, |x| reference(&x[0], &x[1], 0.3).map(pick));
    }
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64, values and gradients.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }
}
