//! Weights in a safetensors file, with the configuration of the model beside them.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use candle_core::{Device, Tensor};
use safetensors::{Dtype, SafeTensors, View};
use serde_json::Value;

use crate::{
    Error, Result,
    io::files::{self, write_atomically},
    nn::{Params, finite},
};

/// The one entry of the file's metadata that this crate reads and writes.
const KEY: &str = "vae_core";
/// In that entry: CRC-32 of everything else. safetensors notices a file that was cut short, not a flipped bit.
const CHECKSUM: &str = "crc32";

/// Writes tensors and one JSON object.
pub(crate) fn write(tensors: Vec<(String, Tensor)>, metadata: &Value, path: &Path) -> Result<()> {
    let mut metadata = metadata.clone();
    metadata[CHECKSUM] = checksum(&metadata, &tensors).into();
    let metadata = HashMap::from([(KEY.to_string(), metadata.to_string())]);
    let bytes = safetensors::serialize(tensors, Some(metadata))
        .map_err(|error| Error::file(path, format!("the tensors could not be written: {error}")))?;
    write_atomically(path, &bytes)
}

/// What weights may be kept in.
const FLOATS: [Dtype; 4] = [Dtype::F16, Dtype::BF16, Dtype::F32, Dtype::F64];
/// What else is met in files from elsewhere, as counters and masks. The conversion of some 8-bit floats never ends (float8 0.7).
const WHOLE: [Dtype; 3] = [Dtype::U8, Dtype::U32, Dtype::I64];

/// Reads tensors onto the CPU, and the JSON value; [`Value::Null`] where there is none.
pub(crate) fn read(path: &Path) -> Result<(HashMap<String, Tensor>, Value)> {
    read_types(path, |dtype| FLOATS.contains(&dtype))
}

/// Reads the tensors and the JSON value of a file from elsewhere, which may hold whole numbers too.
pub(crate) fn read_foreign(path: &Path) -> Result<(HashMap<String, Tensor>, Value)> {
    read_types(path, |dtype| FLOATS.contains(&dtype) || WHOLE.contains(&dtype))
}

fn read_types(path: &Path, allowed: impl Fn(Dtype) -> bool) -> Result<(HashMap<String, Tensor>, Value)> {
    let bytes = files::read(path, "a safetensors file")?;
    let broken = |problem: String| Error::file(path, format!("not a readable safetensors file: {problem}"));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| broken(error.to_string()))?;
    if let Some((name, info)) = metadata.tensors().into_iter().find(|(_, info)| !allowed(info.dtype)) {
        let dtype = info.dtype;
        let problem = format!("its tensor {name:?} is of type {dtype}: expected F16, BF16, F32 or F64; convert it");
        return Err(Error::file(path, problem));
    }
    let mut value: Value = match metadata.metadata().as_ref().and_then(|entries| entries.get(KEY)) {
        Some(text) => serde_json::from_str(text).map_err(|error| broken(format!("its entry `{KEY}`: {error}")))?,
        None => Value::Null,
    };
    // A file from elsewhere has no checksum.
    if let Some(expected) = value.as_object_mut().and_then(|object| object.remove(CHECKSUM)) {
        let views = SafeTensors::deserialize(&bytes).map_err(|error| broken(error.to_string()))?;
        let got = checksum(&value, &views.tensors());
        if expected != got {
            return Err(Error::file(path, "is damaged: its checksum is not that of its content; use another copy"));
        }
    }
    let tensors =
        candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|error| broken(error.to_string()))?;
    Ok((tensors, value))
}

/// CRC-32 of the JSON text, then of each tensor's name, type, shape and bytes, by name.
fn checksum(value: &Value, tensors: &[(String, impl View)]) -> u32 {
    let tensors: BTreeMap<_, _> = tensors.iter().map(|(name, tensor)| (name, tensor)).collect();
    let mut crc = flate2::Crc::new();
    crc.update(value.to_string().as_bytes());
    for (name, tensor) in tensors {
        crc.update(format!("{name} {} {:?}", tensor.dtype(), tensor.shape()).as_bytes());
        crc.update(&tensor.data());
    }
    crc.sum()
}

/// How many numbers the tensors of a file hold.
pub(crate) fn count<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> u128 {
    tensors.into_iter().map(|tensor| tensor.elem_count() as u128).sum()
}

pub(crate) fn save(params: &Params, config: &Value, path: &Path) -> Result<()> {
    write(params.iter().map(|(name, var)| (name.to_string(), var.as_tensor().clone())).collect(), config, path)
}

pub(crate) fn load(params: &Params, config: &Value, path: &Path) -> Result<()> {
    let (tensors, stored) = read(path)?;
    // A file from elsewhere has no configuration; its names and shapes decide.
    if !stored.is_null() && stored != *config {
        return Err(Error::file(path, format!("belongs to another model: it holds {stored}, this one is {config}")));
    }
    restore(params, &tensors, path)
}

/// Sets the parameters to the tensors that were read from `path`. Nothing is changed unless all fit.
///
/// # Errors
/// [`Error::File`] for missing and unknown names, other shapes, and numbers that are NaN or infinite.
pub(crate) fn restore(params: &Params, tensors: &HashMap<String, Tensor>, path: &Path) -> Result<()> {
    let wrong = |error: Error| Error::file(path, error.to_string());
    for (name, tensor) in tensors {
        // In the type that it will have: what is finite in float64 may not be in float32.
        let dtype = params.get(name).map_or(tensor.dtype(), |var| var.dtype());
        if !tensor.to_dtype(dtype).and_then(|tensor| finite(&tensor)).map_err(|error| wrong(error.into()))? {
            let problem = format!("the tensor {name:?} holds NaN or infinity; go back to a file from before that");
            return Err(Error::file(path, problem));
        }
    }
    params.restore(tensors).map_err(wrong)
}
