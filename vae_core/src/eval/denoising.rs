//! Denoisers on all kinds of noise, beside doing nothing and beside a median filter.
//!
//! ```
//! use vae_core::{data::Corruption, eval::{Better, Denoiser, benchmark}, prelude::*};
//!
//! let x = data::digits(&Device::Cpu)?.test.first(20)?;
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![8], latent: 2, ..Default::default() }, &Device::Cpu, 1)?;
//! let kinds: Vec<Corruption> = vec!["gaussian:0.2".parse()?, "salt-and-pepper:0.1".parse()?];
//! let (psnr, _ssim) = benchmark(&kinds, &[("VAE", &Denoiser::of(&vae))], &x, 7)?;
//! assert_eq!(psnr.columns(), ["noisy", "median filter", "VAE"]);
//! assert_eq!(psnr.best("salt-and-pepper:0.1", &["noisy", "median filter", "VAE"], Better::Larger), ["median filter"]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;

use super::{
    Scoreboard, mean_error,
    recon::{median_filter, psnr, ssim},
};
use crate::{Error, Result, data::Corruption, distributions::Distribution, models::Vae, random::Random};

/// How a model makes a clean image of a noisy one.
pub enum Denoiser<'a> {
    /// E\[x|z\] at the mean of q(z|x̃).
    Mean(&'a dyn Vae),
    /// The mean of E\[x|z\] over so many draws of z from q(z|x̃), with the noise of a seed: what of a picture is certain stays sharp, and
    /// the rest is blurred.
    Draws {
        /// The model.
        vae: &'a dyn Vae,
        /// How many draws.
        count: usize,
        /// Where they come from.
        seed: u64,
    },
}

impl<'a> Denoiser<'a> {
    /// By the mean of the posterior.
    pub fn of(vae: &'a dyn Vae) -> Self {
        Self::Mean(vae)
    }

    /// The denoised images: (B, C, H, W) → the same shape, without a gradient.
    ///
    /// # Errors
    /// Those of the model; [`Error::Argument`] for 0 draws.
    pub fn apply(&self, noisy: &Tensor) -> Result<Tensor> {
        match *self {
            Self::Mean(vae) => Ok(vae.reconstruct(noisy)?.detach()),
            Self::Draws { vae, count, seed } => {
                let mut draws = posterior_draws(vae, noisy, count, seed)?.into_iter();
                let first = draws.next().ok_or_else(|| Error::argument("the mean of 0 draws: expected 1 or more"))?;
                let sum = draws.try_fold(first, |sum, draw| Ok::<_, Error>((sum + draw)?))?;
                Ok((sum / count as f64)?)
            }
        }
    }
}

/// Reconstructions E\[x|z\] at `count` draws of z from q(z|x̃): as many tensors (B, C, H, W), without a gradient.
///
/// # Errors
/// Those of the model.
pub fn posterior_draws(vae: &dyn Vae, noisy: &Tensor, count: usize, seed: u64) -> Result<Vec<Tensor>> {
    let (q, mut noise) = (vae.encode(noisy)?, Random::new(seed));
    (0..count).map(|_| Ok(vae.decode(&q.sample(&mut noise)?)?.mean()?.detach())).collect()
}

/// PSNR in dB and SSIM of each denoiser on each kind of noise: means over the images, with standard errors over images. The first two
/// columns are the noisy images as they are and a 3×3 median filter. An image that is equal to its original has no finite PSNR and is
/// left out of that mean; where all are, the cell is infinite.
///
/// The noise of a kind is the same for all denoisers, and whichever other kinds there are.
///
/// # Errors
/// Those of [`Corruption::apply`], of the models and of [`ssim`]; [`Error::Argument`] for fewer than two images.
pub fn benchmark(
    kinds: &[Corruption],
    denoisers: &[(&str, &Denoiser)],
    clean: &Tensor,
    seed: u64,
) -> Result<(Scoreboard, Scoreboard)> {
    let (mut decibels, mut similarity) = (Scoreboard::new(), Scoreboard::new());
    for kind in kinds {
        let noisy = kind.apply(clean, &mut Random::new(seed))?;
        let mut images = vec![("noisy", noisy.clone()), ("median filter", median_filter(&noisy, 3)?)];
        for (name, denoiser) in denoisers {
            images.push((name, denoiser.apply(&noisy)?));
        }
        for (name, images) in images {
            let mut db = psnr(&images, clean)?;
            db.retain(|db| db.is_finite());
            match mean_error(&db) {
                Ok(mean) => decibels.add_with_error(kind, name, mean.mean, mean.error),
                Err(_) if clean.dims()[0] > 1 => decibels.add(kind, name, f64::INFINITY),
                Err(error) => return Err(error),
            }
            let mean = mean_error(&ssim(&images, clean)?)?;
            similarity.add_with_error(kind, name, mean.mean, mean.error);
        }
    }
    Ok((decibels, similarity))
}
