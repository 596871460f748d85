//! The file of a [`Detector`]: everything that it needs.
//!
//! | in the safetensors file | holds |
//! |---|---|
//! | `model.*` | the weights, by their names in [`Params`](crate::nn::Params) |
//! | `familiar.codes`, `.scores`, `.distances` | what [`Detector::fit_near`] compares with |
//! | the metadata | settings, threshold, the model's configuration |

use std::{collections::BTreeMap, path::Path};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Detector, DetectorConfig, Threshold, neighbours::Familiar};
use crate::{Error, Result, io::storage, models};

/// Changes when a file of an older release can no longer be read.
const FORMAT: u32 = 1;

/// The entries of the file's JSON.
const ENTRIES: [&str; 2] = ["kind", "description"];

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
        let value = json!({ "kind": "detector", "description": description });
        storage::write(tensors.into_iter().collect(), &value, path)
    }

    /// The detector that [`Detector::save`] wrote; on the CPU its scores have the same bits.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::File`] when it is damaged or holds no detector.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        let wrong = |problem: String| Error::file(path, problem);
        let within = |error: Error| wrong(error.to_string());
        let (mut tensors, value) = storage::read(path)?;
        if value["kind"] != "detector" {
            return Err(wrong(format!("expected a detector, as Detector::save writes it, got {}", value["kind"])));
        }
        // The checksum is one of them and was taken out; a bit flipped in its name would leave it.
        if let Some(key) = value.as_object().and_then(|map| map.keys().find(|key| !ENTRIES.contains(&key.as_str()))) {
            return Err(wrong(format!("is damaged, or of an earlier release: it has an entry {key:?}; save it anew")));
        }
        let format = &value["description"]["format"];
        if *format != FORMAT {
            return Err(wrong(format!("is a detector of format {format}; this release reads format {FORMAT}")));
        }
        let Description { model, settings: config, threshold, neighbours, .. } =
            Description::deserialize(&value["description"]).map_err(|error| wrong(error.to_string()))?;
        threshold.check().map_err(within)?;
        let mut take = |name: &str| tensors.remove(name).ok_or_else(|| wrong(format!("has no tensor {name:?}")));
        let list = |tensor: Tensor| tensor.to_vec1::<f64>().map_err(|error| wrong(error.to_string()));
        let familiar = match neighbours {
            Some(neighbours) => Some(Familiar {
                codes: take("familiar.codes")?,
                neighbours,
                scores: list(take("familiar.scores")?)?,
                distances: list(take("familiar.distances")?)?,
            }),
            None => None,
        };
        let vae = models::build(&model, storage::count(tensors.values()), device).map_err(within)?;
        if let Some(familiar) = &familiar {
            familiar.check(vae.latent()).map_err(within)?;
        }
        let own = |(name, tensor): (String, Tensor)| match name.strip_prefix("model.") {
            Some(own) => Ok((own.to_string(), tensor)),
            None => Err(wrong(format!("has a tensor {name:?} that no detector has"))),
        };
        storage::restore(vae.params(), &tensors.into_iter().map(own).collect::<Result<_>>()?, path)?;
        Ok(Self { vae, config, threshold, familiar })
    }
}
