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
//! The same distance between *pixels*, [`pixel_distances`], needs no model at all: what a model is worth is what it is better by.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::{anomaly::each_batch, ranking::finite, threshold::p_values};
use crate::{
    Error, Result,
    data::{Data, pass},
    models::Vae,
};

/// New images whose distances from all known ones are in memory at a time: 20,000 known ones make 20 MB.
const ROWS: usize = 256;

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

/// The mean distance of each image from the `neighbours` nearest known ones, pixel by pixel: the baseline that has no model and learns
/// nothing (Ramaswamy, Rastogi & Shim 2000). One number for each of `new`, in order, in pixel values.
///
/// # Errors
/// Those of [`nearest`].
pub fn pixel_distances(known: &dyn Data, new: &dyn Data, neighbours: usize) -> Result<Vec<f64>> {
    let mean = |near: Vec<(usize, f64)>| near.iter().map(|(_, distance)| distance).sum::<f64>() / neighbours as f64;
    Ok(nearest(known, new, neighbours)?.into_iter().map(mean).collect())
}

/// The `neighbours` nearest known images of each new one, the nearest first: its number among the known ones, and ‖x − x'‖ over all pixels.
///
/// Candidates are found by ‖a‖² + ‖b‖² − 2a·b, a product of matrices; the distances are then computed from the differences.
///
/// # Errors
/// [`Error::Shape`] unless both have items of one shape, [`Error::Argument`] unless `neighbours` is between 1 and the number of known
/// images, [`Error::NotFinite`] for pixels that are not numbers.
pub fn nearest(known: &dyn Data, new: &dyn Data, neighbours: usize) -> Result<Vec<Vec<(usize, f64)>>> {
    if known.shape() != new.shape() {
        let expected = format!("{:?}, that of the known images", known.shape().dims());
        return Err(Error::Shape { what: "new images", expected, got: new.shape().dims().to_vec() });
    }
    let count = known.len();
    if neighbours == 0 || neighbours > count {
        return Err(Error::argument(format!(
            "the {neighbours} nearest of {count} images: expected between 1 and {count} neighbours"
        )));
    }
    let known = pixels(known)?;
    let squares = known.sqr()?.sum(1)?.to_vec1::<f32>()?;
    let (across, known) = (known.t()?, known.to_vec2::<f32>()?);
    let mut all = Vec::with_capacity(new.len());
    for rows in pixels(new)?.chunk(new.len().div_ceil(ROWS).max(1), 0)? {
        // ‖b‖² − 2a·b puts the known images in order; ‖a‖² is the same for all of them.
        let products = rows.matmul(&across)?.to_vec2::<f32>()?;
        let near = |(row, products): (&Vec<f32>, &Vec<f32>)| {
            let order: Vec<f32> =
                squares.iter().zip(products).map(|(square, product)| square - 2.0 * product).collect();
            let mut places: Vec<usize> = (0..count).collect();
            places.select_nth_unstable_by(neighbours - 1, |&i, &j| order[i].total_cmp(&order[j]));
            places.truncate(neighbours);
            let mut near: Vec<_> = places.into_iter().map(|i| (i, distance(row, &known[i]))).collect();
            near.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            near
        };
        all.par_extend(rows.to_vec2::<f32>()?.par_iter().zip(&products).map(near));
    }
    Ok(all)
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

/// All items as rows of float32 numbers on the CPU, (N, P).
///
/// # Errors
/// [`Error::Argument`] for an empty set, [`Error::NotFinite`] for numbers that are none.
pub(super) fn pixels(data: &dyn Data) -> Result<Tensor> {
    if data.is_empty() {
        return Err(Error::argument("there are no images to compare: expected at least one"));
    }
    let order: Vec<usize> = (0..data.len()).collect();
    let rows = pass(data, &order, 1_000, &Device::Cpu, |batches| {
        batches.map(|batch| Ok(batch?.x.flatten_from(1)?.to_dtype(DType::F32)?)).collect::<Result<Vec<_>>>()
    })?;
    let rows = Tensor::cat(&rows, 0)?;
    // A sum is no number where one of its parts is none.
    match rows.sum(1)?.to_vec1::<f32>()?.iter().position(|sum| !sum.is_finite()) {
        Some(i) => {
            Err(Error::NotFinite(format!("image {i} has a pixel that is NaN or infinite; look where it comes from")))
        }
        None => Ok(rows),
    }
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
