//! Where an image is strange: maps held against masks, pixel by pixel.
//!
//! ```text
//! pixel AUROC = P(a > n) + ½ P(a = n)      for a random pixel inside the masks, a, and a random pixel outside of them, n
//! ```
//! All pixels of all images are ranked together, as in MVTec AD (Bergmann et al. 2019) and the libraries that follow it. A defect of few
//! pixels has little weight in it and a large one much; and with one pixel in a hundred defective an AUROC of 0.9 still flags ten sound
//! pixels for each defective one, so look at the average precision too.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::pixel_ranking};
//!
//! let map = Tensor::new(&[[[[0.1f32, 0.9], [0.2, 0.3]]]], &Device::Cpu)?; // (1, 1, 2, 2)
//! let mask = Tensor::new(&[[[[0f32, 1.], [0., 0.]]]], &Device::Cpu)?;
//! assert_eq!(pixel_ranking(&map, &mask)?.auroc(), 1.0);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Device, Tensor};

use super::{Ranking, anomaly::error_map, neighbours::nearest};
use crate::{Error, Result, data::Data, models::Vae};

/// Ranks the pixels inside the masks, anomalous, against those outside: maps (B, 1, H, W) or (B, C, H, W), of which the channels are added,
/// and masks (B, 1, H, W) of zeros and ones.
///
/// # Errors
/// [`Error::Shape`] for other shapes; [`Error::Argument`] for a mask of other numbers, maps that are not finite, and masks that cover
/// nothing or everything.
pub fn pixel_ranking(maps: &Tensor, masks: &Tensor) -> Result<Ranking> {
    let (&[b, _, h, w], true) = (maps.dims(), masks.rank() == 4) else {
        let got = if masks.rank() == 4 { maps } else { masks }.dims().to_vec();
        return Err(Error::Shape { what: "maps and masks", expected: "(batch, channels, height, width)".into(), got });
    };
    if masks.dims() != [b, 1, h, w] {
        let expected = format!("{:?}, a channel for each map", [b, 1, h, w]);
        return Err(Error::Shape { what: "masks", expected, got: masks.dims().to_vec() });
    }
    let flat = |t: &Tensor| -> Result<Vec<f64>> {
        Ok(t.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.sum(1)?.flatten_all()?.to_vec1()?)
    };
    let (scores, inside) = (flat(maps)?, flat(masks)?);
    if let Some(other) = inside.iter().find(|value| **value != 0.0 && **value != 1.0) {
        return Err(Error::argument(format!("a mask holds {other}: expected 0 outside and 1 inside")));
    }
    Ranking::by_label(&scores, &inside, |inside| inside == 0.0)
}

/// The squared difference of each pixel from the mean of the `neighbours` nearest known images: a map without a model, (B, C, H, W), in
/// squared pixel values.
///
/// # Errors
/// Those of [`nearest`].
pub fn neighbour_map(known: &dyn Data, images: &dyn Data, neighbours: usize) -> Result<Tensor> {
    let mut maps = vec![];
    for (i, near) in nearest(known, images, neighbours)?.into_iter().enumerate() {
        let places: Vec<usize> = near.into_iter().map(|(place, _)| place).collect();
        let mean = known.batch(&places)?.x.mean_keepdim(0)?;
        maps.push((images.batch(&[i])?.x - mean)?.sqr()?);
    }
    Ok(Tensor::cat(&maps, 0)?)
}

/// The [`error_map`] of a model less what it is on average over normal images: an edge that the model never gets right is no defect.
///
/// # Errors
/// As [`error_map`].
pub fn excess_map(vae: &dyn Vae, normal: &dyn Data, images: &dyn Data) -> Result<Tensor> {
    Ok(error_map(vae, images)?.broadcast_sub(&error_map(vae, normal)?.mean_keepdim(0)?)?)
}
