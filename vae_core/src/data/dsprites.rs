//! dSprites (Matthey, Higgins, Hassabis & Lerchner 2017), from its own file: 737,280 binary pictures of 64×64, one for each
//! combination of 3 shapes, 6 scales, 40 rotations and 32 × 32 positions. Where it lies, it takes the place of the drawn
//! [`sprites`](super::sprites()), which have the same factors in the same order.
//!
//! The file is `dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz` of the repository deepmind/dsprites-dataset on GitHub. Of its arrays
//! two are read:
//!
//! ```text
//! imgs             (737280, 64, 64)  uint8, 0 or 1
//! latents_classes  (737280, 6)       int64, counting: colour (1), shape (3), scale (6), rotation (40), x (32), y (32)
//! ```
//! and two are not: `latents_values`, which the classes number, and the pickled `metadata`, since to unpickle is to run what a
//! file says. The 40 rotations of the original go from 0 to 2π with both ends, so that its first and last are the same picture.
//!
//! Pictures are kept as bits, 377 MB instead of 3 GB, and unpacked as a stream into them. Other files of this form are read too, with
//! pictures and factors of any size, so long as there is one picture for each combination.
//!
//! ```
//! use vae_core::{candle::{DType, Device, Tensor}, data::{self, Data, Factored}};
//!
//! # let folder = tempfile::tempdir().map_err(vae_core::candle::Error::wrap)?;
//! # let path = folder.path().join("small.npz");
//! // Two shapes of one scale and rotation at three places from left to right: a dot at the top and one at the bottom.
//! let rows = [0, 1].map(|shape| [0, 1, 2].map(|x| [0, shape, 0, 0, x, 0i64]));
//! let classes = Tensor::new(&rows, &Device::Cpu)?.flatten(0, 1)?;
//! let imgs = Tensor::eye(6, DType::U8, &Device::Cpu)?.reshape((6, 2, 3))?;
//! Tensor::write_npz(&[("imgs", imgs), ("latents_classes", classes)], &path)?;
//!
//! let dots = data::dsprites(&path, &Device::Cpu)?;
//! assert_eq!(dots.sizes(), [("shape", 2), ("scale", 1), ("rotation", 1), ("x", 3), ("y", 1)]);
//! let batch = dots.batch(&[dots.index(&[1, 0, 0, 2, 0])?])?;
//! assert_eq!(batch.x.flatten_all()?.to_vec1::<f32>()?, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{fmt, path::Path, sync::Arc};

use candle_core::{Device, Shape};

use super::{Batch, Data, Factored, factored, npz::Npz};
use crate::Result;

const NAMES: [&str; 5] = ["shape", "scale", "rotation", "x", "y"];
/// The factors in the file, of which the first, colour, has one value.
const COLUMNS: usize = 1 + NAMES.len();
const WHAT: &str = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz, which the repository deepmind/dsprites-dataset on GitHub publishes";
const REMEDY: &str = "fetch the file again (repository deepmind/dsprites-dataset on GitHub)";

/// The pictures of a file like dSprites'; see the [module](self). Clones share the pictures.
#[derive(Clone)]
pub struct Dsprites {
    sizes: [(&'static str, usize); 5],
    count: usize,
    height: usize,
    width: usize,
    /// The pixels of all pictures, one after the other, eight in a byte, the first in the lowest bit.
    bits: Arc<Vec<u8>>,
    name: String,
    device: Device,
}

/// Reads the file of dSprites, or another of its form; `device` is where batches are made.
///
/// # Errors
/// When there is no such file, it is no `.npz` archive, is damaged, or lacks an array; when an array is of another type, order or
/// shape than the [module](self) says, a pixel is neither 0 nor 1, or the classes do not count through all combinations.
pub fn dsprites(path: impl AsRef<Path>, device: &Device) -> Result<Dsprites> {
    let path = path.as_ref();
    let mut npz = Npz::open(path, WHAT, REMEDY)?;
    let (count, sizes) = grid(&mut npz)?;
    let images = npz.array("imgs", &["u1", "b1"])?;
    let &[pictures, height, width] = &images.shape[..] else {
        return Err(images.error(format!("has the shape {:?}: expected (pictures, height, width)", images.shape)));
    };
    if (pictures, images.bytes == 0) != (count, false) {
        let shape = &images.shape;
        return Err(images.error(format!(
            "has the shape {shape:?}: expected ({count}, height, width), a picture for each row of latents_classes"
        )));
    }
    let mut bits = Vec::new();
    bits.try_reserve_exact(images.bytes.div_ceil(8))
        .map_err(|_| images.error(format!("has {} pixels, for which there is no memory", images.bytes)))?;
    images.blocks(1, |first, pixels| {
        if let Some(at) = pixels.iter().position(|&pixel| pixel > 1) {
            let (pixel, at) = (pixels[at], first + at);
            let (picture, row, column) = (at / (height * width), at / width % height, at % width);
            return Err(format!(
                "has a pixel of {pixel} in picture {picture}, row {row}, column {column}: expected 0 or 1"
            ));
        }
        // All blocks but the last are multiples of eight.
        bits.extend(pixels.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, pixel| byte << 1 | pixel)));
        Ok(())
    })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Dsprites { sizes, count, height, width, bits: bits.into(), name, device: device.clone() })
}

/// How many items there are, and of how many values each factor but the colour, from the classes, which must count.
fn grid(npz: &mut Npz) -> Result<(usize, [(&'static str, usize); 5])> {
    const ROW: usize = COLUMNS * size_of::<i64>();
    let classes = npz.array("latents_classes", &["i8"])?;
    let count = match classes.shape[..] {
        [count, COLUMNS] if count > 0 => count,
        _ => {
            let factors = NAMES.join(", ");
            let shape = &classes.shape;
            return Err(
                classes.error(format!("has the shape {shape:?}: expected (pictures, {COLUMNS}): colour, {factors}"))
            );
        }
    };
    let mut last = [0; COLUMNS];
    classes.blocks(ROW, |_, block| {
        block.chunks_exact(ROW).last().into_iter().for_each(|row| last = values(row));
        Ok(())
    })?;
    // In the order of counting, the last item has the largest value of each factor.
    let sizes = last.map(|value| usize::try_from(value).ok().and_then(|value| value.checked_add(1)).unwrap_or(0));
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let classes = npz.array("latents_classes", &["i8"])?;
    if sizes[0] != 1 || product != Some(count) {
        return Err(classes.error(format!(
            "ends with {last:?} in row {} of {count}: expected as many rows as there are combinations, of one colour",
            count - 1
        )));
    }
    classes.blocks(ROW, |first, block| {
        block.chunks_exact(ROW).map(values).enumerate().try_for_each(|(i, row)| {
            let expected = factored::combination(first + i, sizes.into_iter());
            match row.iter().zip(&expected).all(|(&value, &expected)| value == expected as i64) {
                true => Ok(()),
                false => Err(format!(
                    "has {row:?} in row {}: expected {expected:?}; all combinations in order, the last factor the fastest",
                    first + i
                )),
            }
        })
    })?;
    Ok((count, std::array::from_fn(|factor| (NAMES[factor], sizes[1 + factor]))))
}

/// A row of the classes.
fn values(row: &[u8]) -> [i64; COLUMNS] {
    std::array::from_fn(|factor| {
        row.iter().skip(8 * factor).take(8).rev().fold(0, |value, &byte| value << 8 | i64::from(byte))
    })
}

impl Factored for Dsprites {
    fn sizes(&self) -> &[(&str, usize)] {
        &self.sizes
    }
}

impl Data for Dsprites {
    fn len(&self) -> usize {
        self.count
    }

    /// (1, height, width).
    fn shape(&self) -> Shape {
        (1, self.height, self.width).into()
    }

    /// Pictures (B, 1, height, width) of 0 and 1, and the values of their five factors, u32 (B, 5).
    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        factored::batch(self, indices, &self.device, |index, picture| {
            let first = index * picture.len();
            for (i, pixel) in picture.iter_mut().enumerate() {
                *pixel = f32::from(self.bits[(first + i) / 8] >> ((first + i) % 8) & 1);
            }
        })
    }
}

impl fmt::Display for Dsprites {
    // Without the path: the line is shown in notebooks, whose outputs are shared.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&factored::summary("dsprites", self, &format!("from {}", self.name)))
    }
}

impl fmt::Debug for Dsprites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsprites({self})")
    }
}
