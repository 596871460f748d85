//! How far an image's code is from the codes of normal images.
//!
//! ```text
//! d(x) = 1/k Σ ‖μ(x) − μ(x')‖ over the k images x' of a normal set whose codes are nearest
//! ```
//! A decoder that has learned nine digits can often draw the tenth: then the reconstruction gives nothing away, but the
//! code lies where no normal image has one. The KL does not see that, for it measures the distance to the prior, which
//! is everywhere dense, and not to the codes that are in use.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::code_distances};
//!
//! let normal = Tensor::new(&[[0f32, 0.], [2., 0.], [9., 9.]], &Device::Cpu)?; // codes, (N, D)
//! let new = Tensor::new(&[[0f32, 0.], [1., 0.]], &Device::Cpu)?;
//! assert_eq!(code_distances(&normal, &new, 2)?, [1.0, 1.0]); // (0 + 2)/2 and (1 + 1)/2
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Tensor};
use rayon::prelude::*;

use super::{anomaly::each_batch, ranking::finite, threshold::p_values};
use crate::{Error, Result, data::Data, models::Vae};

/// The posterior mean of every image, in order: (N, D), float32, without a gradient.
///
/// # Errors
/// As [`scores`](super::scores).
pub fn codes(vae: &dyn Vae, images: &dyn Data) -> Result<Tensor> {
    let mut all = vec![];
    each_batch(vae, images, |vae, x| {
        all.push(vae.encode(x)?.mean()?.detach().to_dtype(DType::F32)?);
        Ok(())
    })?;
    Ok(Tensor::cat(&all, 0)?)
}

/// The mean distance of each code in `new`, (M, D), from the `neighbours` nearest ones in `normal`, (N, D): M numbers.
///
/// # Errors
/// [`Error::Shape`] unless both are matrices of the same width, [`Error::Argument`] unless `neighbours` is between 1
/// and N.
pub fn code_distances(normal: &Tensor, new: &Tensor, neighbours: usize) -> Result<Vec<f64>> {
    let ([n, d], [_, new_d]) = (normal.dims(), new.dims()) else {
        let got = if normal.rank() == 2 { new } else { normal }.dims().to_vec();
        return Err(Error::Shape { what: "codes", expected: "(images, latent)".into(), got });
    };
    if d != new_d {
        let expected = format!("(images, {d}), as the normal codes");
        return Err(Error::Shape { what: "new codes", expected, got: new.dims().to_vec() });
    }
    if neighbours == 0 || neighbours > *n {
        return Err(Error::argument(format!(
            "the {neighbours} nearest of {n} codes: expected between 1 and {n} neighbours"
        )));
    }
    let rows = |codes: &Tensor| -> Result<Vec<Vec<f32>>> { Ok(codes.to_dtype(DType::F32)?.to_vec2()?) };
    let (normal, new) = (rows(normal)?, rows(new)?);
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let nearest = |code: &Vec<f32>| {
        let mut squares: Vec<f32> = normal.iter().map(|other| distance(code, other)).collect();
        let (near, kth, _) = squares.select_nth_unstable_by(neighbours - 1, f32::total_cmp);
        // Sorted, so that the sum does not depend on how the selection went.
        near.sort_unstable_by(f32::total_cmp);
        near.iter().chain([&*kth]).map(|&square| f64::from(square).sqrt()).sum::<f64>() / neighbours as f64
    };
    Ok(new.par_iter().map(nearest).collect())
}

/// Codes of normal images, with scores and distances of others, held out: what it takes to combine a score with the
/// distance.
#[derive(Clone, Debug)]
pub(super) struct Familiar {
    /// Where normal images are, (N, D).
    pub(super) codes: Tensor,
    pub(super) neighbours: usize,
    /// Of the held-out normal images: the score of each, and the distance of its code.
    pub(super) scores: Vec<f64>,
    pub(super) distances: Vec<f64>,
}

impl Familiar {
    /// Refuses what cannot be compared with; it may come from a file.
    pub(super) fn check(&self, latent: usize) -> Result<()> {
        let distances = self.distances_of(&Tensor::zeros((1, latent), DType::F32, self.codes.device())?)?;
        finite("distances of the normal", &distances)?;
        self.combine(&[0.0], &distances).map(drop)
    }

    /// The distance of each of these codes, (M, D).
    pub(super) fn distances_of(&self, codes: &Tensor) -> Result<Vec<f64>> {
        code_distances(&self.codes, codes, self.neighbours)
    }

    /// Fisher's combination of both p-values, −ln p(score) − ln p(distance), in nats.
    pub(super) fn combine(&self, scores: &[f64], distances: &[f64]) -> Result<Vec<f64>> {
        let (p, q) = (p_values(&self.scores, scores)?, p_values(&self.distances, distances)?);
        Ok(p.iter().zip(&q).map(|(p, q)| -p.ln() - q.ln()).collect())
    }
}
