//! Weights in a safetensors file, with the configuration of the model beside them.

use std::{collections::HashMap, path::Path};

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Error, Result, files::write_atomically, nn::Params};

/// The one entry of the file's metadata that this crate reads and writes.
const KEY: &str = "vae_core";

/// The configuration of a model with the kind of model it belongs to.
pub(super) fn describe(kind: &str, config: &impl Serialize) -> Value {
    // A configuration is plain data; should one ever not serialize, its model is refused on loading.
    json!({ "kind": kind, "config": serde_json::to_value(config).unwrap_or(Value::Null) })
}

/// Writes tensors and one JSON value.
pub(crate) fn write(tensors: Vec<(String, Tensor)>, metadata: &Value, path: &Path) -> Result<()> {
    let metadata = HashMap::from([(KEY.to_string(), metadata.to_string())]);
    let bytes = safetensors::serialize(tensors, Some(metadata))
        .map_err(|error| Error::file(path, format!("the tensors could not be written: {error}")))?;
    write_atomically(path, &bytes)
}

/// Reads tensors onto the CPU, and the JSON value; [`Value::Null`] where there is none.
pub(crate) fn read(path: &Path) -> Result<(HashMap<String, Tensor>, Value)> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let broken = |problem: String| Error::file(path, format!("not a readable safetensors file: {problem}"));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| broken(error.to_string()))?;
    let value = match metadata.metadata().as_ref().and_then(|entries| entries.get(KEY)) {
        Some(text) => serde_json::from_str(text).map_err(|error| broken(format!("its entry `{KEY}`: {error}")))?,
        None => Value::Null,
    };
    let tensors =
        candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|error| broken(error.to_string()))?;
    Ok((tensors, value))
}

pub(crate) fn save(params: &Params, config: &Value, path: &Path) -> Result<()> {
    write(params.iter().map(|(name, var)| (name.to_string(), var.as_tensor().clone())).collect(), config, path)
}

pub(super) fn load(params: &Params, config: &Value, path: &Path) -> Result<()> {
    let (tensors, stored) = read(path)?;
    // A file from elsewhere has no configuration; its names and shapes decide.
    if !stored.is_null() && stored != *config {
        return Err(Error::file(path, format!("belongs to another model: it holds {stored}, this one is {config}")));
    }
    params.restore(&tensors).map_err(|error| Error::file(path, error.to_string()))
}

/// The configuration stored in a file, which must be of the given kind.
pub(super) fn config<C: DeserializeOwned>(kind: &str, path: &Path) -> Result<C> {
    let (_, stored) = read(path)?;
    if stored["kind"] != kind {
        return Err(Error::file(path, format!("expected a model of kind {kind:?}, got {}", stored["kind"])));
    }
    serde_json::from_value(stored["config"].clone())
        .map_err(|error| Error::file(path, format!("its configuration cannot be read: {error}")))
}
