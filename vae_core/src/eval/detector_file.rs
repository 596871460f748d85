//! The file of a [`Detector`]: everything that it needs, and a checksum.
//!
//! | in the safetensors file | holds |
//! |---|---|
//! | `model.*` | the weights, by their names in [`Params`](crate::nn::Params) |
//! | `familiar.codes`, `.scores`, `.distances` | what [`Detector::fit_near`] compares with |
//! | the metadata | settings, threshold, the model's configuration, the checksum |

use std::{collections::BTreeMap, path::Path};

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Detector, DetectorConfig, Threshold, neighbours::Familiar};
use crate::{
    Error, Result,
    models::{self, storage},
};

/// Changes when a file of an older release can no longer be read.
const FORMAT: u32 = 1;

/// What the file says of itself beside its tensors.
#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    model: Value,
    settings: DetectorConfig,
    threshold: Threshold,
    /// How many neighbours are looked at, where the detector looks at codes.
    neighbours: Option<usize>,
}

impl Detector {
    /// Writes the detector to one safetensors file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let weights = self.vae.params().iter();
        let mut tensors: BTreeMap<_, _> =
            weights.map(|(name, var)| (format!("model.{name}"), var.as_tensor().clone())).collect();
        if let Some(Familiar { codes, scores, distances, .. }) = &self.familiar {
            let list = |values: &[f64]| Tensor::from_slice(values, values.len(), &Device::Cpu);
            tensors.insert("familiar.codes".into(), codes.clone());
            tensors.insert("familiar.scores".into(), list(scores)?);
            tensors.insert("familiar.distances".into(), list(distances)?);
        }
        let description = Description {
            format: FORMAT,
            model: self.vae.config(),
            settings: self.config,
            threshold: self.threshold,
            neighbours: self.familiar.as_ref().map(|familiar| familiar.neighbours),
        };
        let description = serde_json::to_value(description).map_err(|error| Error::file(path, error.to_string()))?;
        let checksum = checksum(&description, &tensors)?;
        let value = json!({ "kind": "detector", "checksum": checksum, "description": description });
        storage::write(tensors.into_iter().collect(), &value, path)
    }

    /// The detector that [`Detector::save`] wrote; on the CPU its scores have the same bits.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::File`] when it is damaged or holds no detector.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        let wrong = |problem: String| Error::file(path, problem);
        let (tensors, value) = storage::read(path)?;
        let mut tensors: BTreeMap<_, _> = tensors.into_iter().collect();
        if value["kind"] != "detector" {
            return Err(wrong(format!("expected a detector, as Detector::save writes it, got {}", value["kind"])));
        }
        if value["checksum"] != checksum(&value["description"], &tensors)? {
            return Err(wrong("is damaged: its checksum is not that of its content; save it anew".into()));
        }
        let format = &value["description"]["format"];
        if *format != FORMAT {
            return Err(wrong(format!("is a detector of format {format}; this release reads format {FORMAT}")));
        }
        let Description { model, settings: config, threshold, neighbours, .. } =
            serde_json::from_value(value["description"].clone()).map_err(|error| wrong(error.to_string()))?;
        let mut take = |name: &str| tensors.remove(name).ok_or_else(|| wrong(format!("has no tensor {name:?}")));
        let familiar = match neighbours {
            Some(neighbours) => Some(Familiar {
                codes: take("familiar.codes")?,
                neighbours,
                scores: take("familiar.scores")?.to_vec1()?,
                distances: take("familiar.distances")?.to_vec1()?,
            }),
            None => None,
        };
        let vae = models::build(&model, device).map_err(|error| wrong(error.to_string()))?;
        let weights = tensors.iter().map(|(name, tensor)| (name.trim_start_matches("model.").into(), tensor.clone()));
        vae.params().restore(&weights.collect()).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { vae, config, threshold, familiar })
    }
}

/// CRC-32 of the description and every tensor, by name: safetensors notices a file that was cut short, not a flipped
/// bit.
fn checksum(description: &Value, tensors: &BTreeMap<String, Tensor>) -> Result<u32> {
    let mut crc = flate2::Crc::new();
    crc.update(description.to_string().as_bytes());
    for (name, tensor) in tensors {
        crc.update(format!("{name} {:?} {:?}", tensor.dtype(), tensor.dims()).as_bytes());
        let values: Vec<f64> = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
        crc.update(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    }
    Ok(crc.sum())
}
