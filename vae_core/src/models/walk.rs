//! Walks through a space of codes: from one to another, along one dimension, over a plane.
//!
//! Each returns codes, a row for each, and the model's decoder makes images of them:
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![8], latent: 2, ..Default::default() }, &Device::Cpu, 42)?;
//! let z = Tensor::new(&[[0.5f32, -1.0]], &Device::Cpu)?;
//! let codes = walk::traverse(&z, 0, -3.0..=3.0, 7)?; // (7, 2): z₁ from −3 to 3, z₂ stays
//! assert_eq!(codes.to_vec2::<f32>()?[1], [-2.0, -1.0]);
//! assert_eq!(vae.decode_mean(&codes)?.dims(), [7, 1, 28, 28]);
//!
//! let map = walk::plane(-2.0..=2.0, 3, &Device::Cpu)?; // (9, 2), as one reads: from the upper left
//! assert_eq!(map.to_vec2::<f32>()?[..2], [[-2.0, 2.0], [0.0, 2.0]]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::ops::RangeInclusive;

use candle_core::{Device, Tensor};

use crate::{
    Error, Result,
    formula::{formula, matmul},
};

/// `steps` points on the straight line from `a` to `b`, ends included: (1, …) and (1, …) → (steps, …). Codes, or images for the same walk
/// in pixel space.
///
/// # Errors
/// [`Error::Shape`] where `a` is not one row or `b` has another shape, [`Error::Argument`] for fewer than two steps.
pub fn interpolate(a: &Tensor, b: &Tensor, steps: usize) -> Result<Tensor> {
    one_row("the beginning of an interpolation", a)?;
    if a.dims() != b.dims() {
        let expected = format!("{:?}, that of its beginning", a.dims());
        return Err(Error::Shape { what: "the end of an interpolation", expected, got: b.dims().to_vec() });
    }
    let points: Vec<Tensor> =
        places(0.0..=1.0, steps)?.iter().map(|t| Ok(((a * (1.0 - t))? + (b * *t)?)?)).collect::<Result<_>>()?;
    Ok(Tensor::cat(&points, 0)?)
}

/// `steps` copies of the code `z`, in which `dimension` (counted from 0) runs through `range`: (1, D) → (steps, D).
///
/// # Errors
/// [`Error::Shape`] for more codes than one, [`Error::Argument`] for a dimension that is not there or fewer than two steps.
pub fn traverse(z: &Tensor, dimension: usize, range: RangeInclusive<f64>, steps: usize) -> Result<Tensor> {
    one_row("the code of a traversal", z)?;
    let (_, width) = z.dims2()?;
    if dimension >= width {
        return Err(Error::argument(format!("dimension {dimension} of a code: there are {width}, counted from 0")));
    }
    let places = Tensor::from_vec(places(range, steps)?, (steps, 1), z.device())?.to_dtype(z.dtype())?;
    let moved: Vec<f64> = (0..width).map(|d| f64::from(u8::from(d == dimension))).collect();
    let moved = Tensor::from_vec(moved, (1, width), z.device())?.to_dtype(z.dtype())?;
    (matmul(&places, &moved) + z * (1.0 - formula(&moved))).tensor()
}

/// `side` × `side` codes of two dimensions over a square, (side², 2) in float32, in the order in which one reads: z₁ grows to the right, z₂
/// upwards, as on a map.
///
/// # Errors
/// [`Error::Argument`] for fewer than two codes a side.
pub fn plane(range: RangeInclusive<f64>, side: usize, device: &Device) -> Result<Tensor> {
    let places = places(range, side)?;
    let codes = places.iter().rev().flat_map(|z2| places.iter().flat_map(move |z1| [*z1 as f32, *z2 as f32]));
    Ok(Tensor::from_vec(codes.collect::<Vec<_>>(), (side * side, 2), device)?)
}

/// `n` numbers at equal distances, both ends of the range among them.
fn places(range: RangeInclusive<f64>, n: usize) -> Result<Vec<f64>> {
    if n < 2 {
        return Err(Error::argument(format!("a walk has 2 steps or more, its two ends, got {n}")));
    }
    let (from, to) = range.into_inner();
    Ok((0..n).map(|i| from + (to - from) * i as f64 / (n - 1) as f64).collect())
}

fn one_row(what: &'static str, x: &Tensor) -> Result<()> {
    match x.dims() {
        [1, _, ..] => Ok(()),
        other => Err(Error::Shape { what, expected: "(1, …), one row".into(), got: other.to_vec() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    /// A line has its ends and its middle, in codes and in images; a traversal moves one dimension only, the first and the last too.
    #[test]
    fn lines() {
        let a = Tensor::zeros((1, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
        let b = a.ones_like().unwrap();
        let images = interpolate(&a, &b, 5).unwrap();
        assert_eq!(images.mean((1, 2, 3)).unwrap().to_vec1::<f32>().unwrap(), [0.0, 0.25, 0.5, 0.75, 1.0]);
        let z = Tensor::new(&[[1f64, 2., 3.]], &Device::Cpu).unwrap();
        for dimension in 0..3 {
            let codes = traverse(&z, dimension, -1.0..=1.0, 3).unwrap().to_vec2::<f64>().unwrap();
            let moved = |to: f64| (0..3).map(|d| if d == dimension { to } else { d as f64 + 1.0 }).collect::<Vec<_>>();
            assert_eq!(codes, [moved(-1.0), moved(0.0), moved(1.0)]);
        }
    }

    /// Other shapes, a missing dimension and a walk without ends are errors that say what was expected.
    #[test]
    fn errors() {
        let z = Tensor::zeros((1, 3), DType::F32, &Device::Cpu).unwrap();
        let two = z.repeat((2, 1)).unwrap();
        let says = |result: Result<Tensor>, words: &str| {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        };
        says(interpolate(&two, &two, 3), "expected shape (1, …), one row, got [2, 3]");
        says(interpolate(&z, &two, 3), "expected shape [1, 3], that of its beginning");
        says(traverse(&z, 3, 0.0..=1.0, 3), "dimension 3 of a code: there are 3");
        says(plane(-1.0..=1.0, 1, &Device::Cpu), "2 steps or more");
    }
}
