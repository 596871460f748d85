//! A decoder that begins with the mean of the data.
//!
//! ```text
//! bias of the last layer:  E[x|z] = mean of x, where the rest of the decoder says 0
//! Bernoulli             ln m/(1 − m), m the mean, no nearer to 0 and 1 than 0.001       (the program of Burda et al. 2016)
//! continuous Bernoulli  the logits whose mean is m, likewise
//! Gaussian              m
//! ```
//! Training then does not spend its first steps on what no code is needed for.

use candle_core::{DType, Tensor};

use super::{Observation, networks::Networks};
use crate::{
    Error, Result,
    data::{Data, pass},
};

/// Items at a time; bounds the memory.
const BATCH: usize = 500;
/// How near to 0 and 1 a mean may be.
const MARGIN: f64 = 0.001;

impl Networks {
    /// Sets the bias of the decoder's last layer: one number for each pixel of an MLP, for each channel of convolutions.
    pub(super) fn set_output_bias(&self, data: &dyn Data) -> Result<()> {
        if data.is_empty() {
            return Err(Error::argument("there are no images to take the mean of"));
        }
        if data.shape() != self.shape() {
            let expected = format!("{:?}, the model's", self.shape().dims());
            return Err(Error::Shape { what: "images to take the mean of", expected, got: data.shape().into_dims() });
        }
        let biases = self.params.iter().filter(|(name, _)| name.starts_with("decoder.") && name.ends_with(".bias"));
        let Some((_, bias)) = biases.last() else { return Ok(()) };
        let mut mean = mean(data)?;
        if bias.elem_count() != mean.len() {
            let area = mean.len() / self.image.0;
            mean = mean.chunks(area).map(|channel| channel.iter().sum::<f64>() / area as f64).collect();
        }
        let start = mean.into_iter().map(|mean| self.observation.link(mean)).collect::<Vec<f64>>();
        let start = Tensor::from_vec(start, bias.shape(), &candle_core::Device::Cpu)?;
        Ok(bias.set(&start.to_dtype(bias.dtype())?.to_device(bias.device())?)?)
    }
}

/// The mean of each number of an item.
fn mean(data: &dyn Data) -> Result<Vec<f64>> {
    let order: Vec<usize> = (0..data.len()).collect();
    let mut sum = vec![0.0; data.shape().elem_count()];
    pass(data, &order, BATCH, &candle_core::Device::Cpu, |batches| {
        for batch in batches {
            let part: Vec<f64> = batch?.x.flatten_from(1)?.to_dtype(DType::F64)?.sum(0)?.to_vec1()?;
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        Ok::<_, Error>(())
    })?;
    match sum.iter().position(|sum| !sum.is_finite()) {
        Some(at) => {
            Err(Error::argument(format!("number {at} of the items has no finite mean; look for NaN in the data")))
        }
        None => Ok(sum.into_iter().map(|sum| sum / data.len() as f64).collect()),
    }
}

impl Observation {
    /// What the decoder has to say for the mean of a pixel to be `mean`.
    fn link(self, mean: f64) -> f64 {
        let inside = mean.clamp(MARGIN, 1.0 - MARGIN);
        match self {
            Self::Bernoulli => (inside / (1.0 - inside)).ln(),
            Self::ContinuousBernoulli => continuous_bernoulli_logit(inside),
            Self::Gaussian { .. } | Self::GaussianLearned => mean,
        }
    }
}

/// The logit of the continuous Bernoulli with that mean, 1/(1 − e⁻ˡ) − 1/l, by bisection: the mean rises with l.
fn continuous_bernoulli_logit(mean: f64) -> f64 {
    let of = |l: f64| if l.abs() < 1e-4 { 0.5 + l / 12.0 } else { 1.0 / (1.0 - (-l).exp()) - 1.0 / l };
    let (mut low, mut high) = (-2.0 / MARGIN, 2.0 / MARGIN);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if of(middle) < mean { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::{distributions::Distribution, models::*};

    /// With weights of 0, what a decoder says is the mean of the data, pixel by pixel or channel by channel, whatever the observation.
    #[test]
    fn the_mean_is_said() {
        let x: Vec<f32> = (0..3 * 2 * 4 * 4).map(|i| (i * i % 90) as f32 / 100.0 + 0.05).collect();
        let x = Tensor::from_vec(x, (3, 2, 4, 4), &Device::Cpu).unwrap();
        for observation in [
            Observation::Bernoulli,
            Observation::ContinuousBernoulli,
            Observation::Gaussian { variance: 0.1 },
            Observation::GaussianLearned,
        ] {
            let mlp = MlpVaeConfig { image: (2, 4, 4), hidden: vec![5], latent: 2, observation, ..Default::default() };
            let mut mlp = MlpVae::new(mlp, &Device::Cpu, 1).unwrap();
            mlp.set_output_bias(&x).unwrap();
            said(&mlp, &x.mean_keepdim(0).unwrap());
            let conv = ConvVaeConfig { observation, ..ConvVaeConfig::mirrored((2, 4, 4), &[(3, 2)], 2).unwrap() };
            let mut conv = ConvVae::new(conv, &Device::Cpu, 1).unwrap();
            conv.set_output_bias(&x).unwrap();
            said(&conv, &x.mean_keepdim((0, 2, 3)).unwrap().broadcast_as((1, 2, 4, 4)).unwrap());
        }
    }

    fn said(vae: &dyn Vae, mean: &Tensor) {
        for (_, var) in vae.params().iter().filter(|(name, _)| name.ends_with("weight")) {
            var.set(&var.zeros_like().unwrap()).unwrap();
        }
        // Of the biases, that of the last layer alone.
        let biases: Vec<_> = vae.params().iter().filter(|(name, _)| name.ends_with("bias")).collect();
        biases[..biases.len() - 1].iter().for_each(|(_, var)| var.set(&var.zeros_like().unwrap()).unwrap());
        let z = Tensor::zeros((1, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        let got = vae.decode(&z).unwrap().mean().unwrap();
        let far = (got - mean).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(far < 1e-4, "{}: {far}", vae.config());
    }
}
