//! Binary pixels: p(x|z) = ∏ σ(l)ˣ (1 − σ(l))¹⁻ˣ, kept as logits l.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, distributions::{Bernoulli, Likelihood}};
//!
//! let logits = Tensor::new(&[[0f32, 1e4], [-1e4, 0.]], &Device::Cpu)?;
//! let x = Tensor::new(&[[1f32, 1.], [0., 1.]], &Device::Cpu)?;
//! let log_prob = Bernoulli::new(logits)?.log_prob(&x)?.to_vec1::<f32>()?;
//! assert!(log_prob.iter().all(|l| (l + 2f32.ln()).abs() < 1e-6)); // ln ½ for l = 0, 0 for the sure ones
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Device, Layout, Shape, Tensor};

use super::{Likelihood, batched, same_shape, sigmoid, softplus, sum_per_item};
use crate::{
    Result,
    ops::cuda,
    ops::kernels::{
        bernoulli::{self, log_prob, logits_gradient},
        slices::{in_float32_on_cpu, slice, with_slice},
    },
    ops::outlet::{self, Outlet},
    random::Random,
};

/// Independent Bernoulli pixels given by logits.
///
/// Grey pixels in [0, 1] are accepted, as in most VAE code; the result is then the expected log-probability of the image
/// binarized at random, not the log-density of a grey image. [`super::ContinuousBernoulli`] is one for grey pixels.
#[derive(Clone, Debug)]
pub struct Bernoulli {
    logits: Tensor,
}

impl Bernoulli {
    /// The distribution with the given logits, (B, …).
    ///
    /// # Errors
    /// [`crate::Error::Shape`] without a batch dimension.
    pub fn new(logits: Tensor) -> Result<Self> {
        batched("logits of a Bernoulli", &logits)?;
        Ok(Self { logits })
    }

    /// The logits ln(p / (1 − p)), as given.
    pub fn logits(&self) -> &Tensor {
        &self.logits
    }
}

impl Likelihood for Bernoulli {
    /// Σ x·l − ln(1 + eˡ), finite for every finite logit: `max(l,0) − l·x + log1p(exp(−|l|))`, negated.
    fn log_prob(&self, x: &Tensor) -> Result<Tensor> {
        same_shape("x of a Bernoulli", x, &self.logits)?;
        if cuda::takes(x) && cuda::takes(&self.logits) {
            return cuda::distributions::bernoulli(&self.logits, x);
        }
        if in_float32_on_cpu(x) && in_float32_on_cpu(&self.logits) {
            let logits = self.logits.contiguous()?;
            let outlet = outlet::of(&logits);
            let source = outlet.as_ref().map_or(&logits, Outlet::token).clone();
            return Ok(source.apply_op3(&logits.detach(), &x.contiguous()?, LogProb { outlet })?);
        }
        sum_per_item(&((x * &self.logits)? - softplus(&self.logits)?)?)
    }

    /// σ(l).
    fn mean(&self) -> Result<Tensor> {
        if cuda::takes(&self.logits) {
            return cuda::distributions::sigmoid(&self.logits);
        }
        if in_float32_on_cpu(&self.logits) {
            return Ok(self.logits.contiguous()?.apply_op1(Mean)?);
        }
        sigmoid(&self.logits)
    }

    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        let p = self.mean()?.detach();
        let u = random.uniform(p.shape(), p.device())?.to_dtype(p.dtype())?;
        Ok(u.lt(&p)?.to_dtype(p.dtype())?)
    }
}

/// The log-probability as one operation: float32 on the CPU. Its gradient goes to the first argument: the logits, or the
/// token of their outlet.
struct LogProb {
    /// The way back into the layers that made the logits.
    outlet: Option<Outlet>,
}

impl CustomOp3 for LogProb {
    fn name(&self) -> &'static str {
        "vae_core Bernoulli log-probability"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        logits: &CpuStorage,
        layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let images = layout.dims()[0];
        let pixels = (layout.shape().elem_count() / images.max(1)).max(1);
        let log_prob = log_prob(slice(logits, layout)?, slice(x, x_layout)?, pixels);
        Ok((CpuStorage::F32(log_prob), Shape::from(images)))
    }

    fn bwd(
        &self,
        _: &Tensor,
        logits: &Tensor,
        x: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let images = logits.dims()[0];
        let pixels = (logits.elem_count() / images.max(1)).max(1);
        let gradient = gradient.contiguous()?;
        let by_logits = with_slice(logits, |logits| {
            with_slice(x, |x| with_slice(&gradient, |gradient| Ok(logits_gradient(logits, x, gradient, pixels))))
        })?;
        let by_logits = match &self.outlet {
            Some(outlet) => outlet.leave(by_logits)?,
            None => Tensor::from_slice(&by_logits, logits.shape(), &Device::Cpu)?,
        };
        // Images are data; where they are not, the derivative is l.
        let by_x = match x.track_op() {
            true => Some(logits.flatten_from(1)?.broadcast_mul(&gradient.reshape((images, 1))?)?.reshape(x.shape())?),
            false => None,
        };
        Ok((Some(by_logits), None, by_x))
    }
}

/// σ in one pass: float32 on the CPU.
struct Mean;

impl CustomOp1 for Mean {
    fn name(&self) -> &'static str {
        "vae_core Bernoulli mean"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(bernoulli::sigmoid(slice(logits, layout)?)), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, mean: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let slope = (mean * mean.affine(-1.0, 1.0)?)?;
        Ok(Some((gradient * slope)?))
    }
}
