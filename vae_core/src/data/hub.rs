//! MNIST and Fashion-MNIST from the Hugging Face hub, through candle-datasets (feature `hub`).
//!
//! candle-datasets keeps what it fetched in the hub's cache (`HF_HOME`, else `~/.cache/huggingface`) and takes it from there
//! the next time, without a network.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use candle_datasets::vision;

use super::Images;
use crate::{Error, Result};

/// The training and the test images of "mnist" or "fashion-mnist".
///
/// # Errors
/// When the name is another, there is no network and nothing in the cache, or what came are not 28×28 grey images with
/// labels.
pub fn load(name: &str, device: &Device) -> Result<(Images, Images)> {
    let fetch = match name {
        "mnist" => vision::mnist::load,
        "fashion-mnist" => vision::fashion_mnist::load,
        _ => {
            return Err(Error::argument(format!("the hub has no {name:?}: expected \"mnist\" or \"fashion-mnist\"")));
        }
    };
    // candle-datasets unwraps the pictures that it decodes, so a damaged file is a panic there.
    let set = catch_unwind(AssertUnwindSafe(fetch)).map_err(|_| {
        Error::argument(format!("{name} from the hub does not decode: remove it from the hub's cache"))
    })??;
    Ok((convert(&set.train_images, &set.train_labels, device)?, convert(&set.test_images, &set.test_labels, device)?))
}

/// Bytes again from candle-datasets' tensors: images (N, 784) as byte/255 in float32, labels (N,) as bytes.
fn convert(images: &Tensor, labels: &Tensor, device: &Device) -> Result<Images> {
    let values = images.flatten_all()?.to_vec1::<f32>()?;
    let pixels = values.iter().map(|x| (x * 255.0).round() as u8).collect();
    Images::new(pixels, labels.to_dtype(DType::U8)?.to_vec1()?, (1, 28, 28), device)
}

#[allow(dead_code)]
fn unused(_: mpsc::Sender<()>, _: Duration) {}
