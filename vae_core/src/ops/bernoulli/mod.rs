//! The log-probability of Bernoulli pixels given by logits, and their mean.
//!
//! ```text
//! log p(x|l) = Σ x·l − softplus(l)       l, x: (B, …) → (B,)        d/dl = x − σ(l)       d/dx = l
//! mean       = σ(l) = 1/(1 + e⁻ˡ)        l: (B, …) → (B, …)         d/dl = σ(l) (1 − σ(l))
//! softplus(l) = ln(1 + eˡ) = max(l, 0) + ln(1 + e^−|l|)
//! ```

mod cpu;
mod cuda;

use candle_core::Tensor;

use super::{
    Path,
    node::{node1, node2, node3},
    outlet::{self, Outlet},
    path, sum_per_item,
};
use crate::Result;

/// In candle's own operations.
mod reference {
    use super::*;

    pub(super) fn log_prob(logits: &Tensor, x: &Tensor) -> Result<Tensor> {
        sum_per_item(&((x * logits)? - softplus(logits)?)?)
    }

    /// By way of tanh, which cannot overflow.
    pub(super) fn mean(logits: &Tensor) -> Result<Tensor> {
        Ok(((logits * 0.5)?.tanh()? * 0.5)?.affine(1.0, 0.5)?)
    }
}

/// ln(1 + eˣ) without overflow.
pub(crate) fn softplus(x: &Tensor) -> Result<Tensor> {
    Ok((x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?)
}

/// log p(x|l) of each item: (B, …) twice → (B,). The gradient of logits that layers made goes back to them by their [`outlet`].
pub(crate) fn log_prob(logits: &Tensor, x: &Tensor) -> Result<Tensor> {
    const NAME: &str = "vae_core Bernoulli log-probability";
    let path = path([logits, x]);
    if path == Path::Reference {
        return reference::log_prob(logits, x);
    }
    let (logits, x) = (logits.contiguous()?, x.contiguous()?);
    if path == Path::Cuda {
        return node2(NAME, (&logits, &x), cuda::log_prob(&logits, &x)?, |[logits, x], _, dy| {
            Ok([Some(cuda::gradient(logits, x, dy)?), gradient_of_x(logits, x, dy)?])
        });
    }
    let outlet = outlet::of(&logits);
    let source = outlet.as_ref().map_or(&logits, Outlet::token).clone();
    let y = cpu::log_prob(&logits, &x)?;
    node3(NAME, (&source, &logits.detach(), &x), y, move |[_, logits, x], _, dy| {
        let gradient = cpu::gradient(logits, x, dy)?;
        let gradient = match &outlet {
            Some(outlet) => outlet.leave(gradient)?,
            None => Tensor::from_slice(&gradient, logits.shape(), logits.device())?,
        };
        Ok([Some(gradient), None, gradient_of_x(logits, x, dy)?])
    })
}

/// Images are data; where they are not, the derivative is l.
fn gradient_of_x(logits: &Tensor, x: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
    if !x.track_op() {
        return Ok(None);
    }
    let gradient = logits.detach().flatten_from(1)?.broadcast_mul(&dy.reshape(((), 1))?)?;
    Ok(Some(gradient.reshape(x.shape())?))
}

/// σ(l), in the shape of the logits.
pub(crate) fn mean(logits: &Tensor) -> Result<Tensor> {
    let logits = logits.contiguous()?;
    let y = match path([&logits]) {
        Path::Cuda => cuda::mean(&logits)?,
        Path::Cpu => cpu::mean(&logits)?,
        Path::Reference => return reference::mean(&logits),
    };
    let slope = |mean: &Tensor| -> Result<_> { Ok((mean * mean.affine(-1.0, 1.0)?)?) };
    node1("vae_core Bernoulli mean", &logits, y, move |_, mean, dy| Ok([Some((dy * slope(mean)?)?)]))
}

/// Logits that overflow an exponential are among them.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    use super::compare::{normal, uniform};
    let shape = [6, 1, 28, 29];
    let mut logits = normal(3, &[6 * 28 * 29]).to_vec1::<f32>().unwrap();
    logits[..4].copy_from_slice(&[1e4, -1e4, 90.0, -90.0]);
    let logits = Tensor::from_vec(logits, &shape, &candle_core::Device::Cpu).unwrap();
    let x = uniform(4, &shape);
    let [density, of] = [|x: &[Tensor]| log_prob(&x[0], &x[1]), |x: &[Tensor]| reference::log_prob(&x[0], &x[1])];
    place.agrees("log-probability", 2e-6, &[logits.clone(), x.clone()], &[], density, of);
    place.agrees("log-probability of data", 2e-6, std::slice::from_ref(&logits), &[x], density, of);
    place.agrees("mean", 2e-6, &[logits], &[], |x| mean(&x[0]), |x| reference::mean(&x[0]));
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64, values and gradients.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }
}
