//! Which tensor of a PyTorch `state_dict` is which parameter; [`Vae::load_pytorch`](super::Vae::load_pytorch) has the table.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use candle_core::{DType, Device, Tensor};
use serde_json::Value;

use super::storage;
use crate::{
    Error, Result,
    nn::{Params, finite},
};

/// Segments of a name that wrappers put in: `DataParallel` and `torch.compile`.
const WRAPPERS: [&str; 2] = ["module", "_orig_mod"];
/// What the layer of μ is called.
const MU: [&str; 3] = ["fc_mu", "z_mean", "mu"];
/// What the layer of ln σ² is called.
const LOG_VAR: [&str; 6] = ["fc_logvar", "fc_log_var", "z_log_var", "z_logvar", "logvar", "log_var"];

/// Where a layer stands, told from its name; the numbers order the layers of a half.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Encoder(Vec<u64>),
    Mu,
    LogVar,
    Decoder(Vec<u64>),
}

impl Place {
    fn of(layer: &str) -> Option<Self> {
        let last = layer.rsplit('.').next().unwrap_or(layer);
        let inside = |half: &str| layer.split('.').any(|segment| segment.starts_with(half));
        let numbers = || layer.split('.').filter_map(number).collect();
        match last {
            _ if inside("decoder") => Some(Self::Decoder(numbers())),
            _ if MU.contains(&last) => Some(Self::Mu),
            _ if LOG_VAR.contains(&last) => Some(Self::LogVar),
            _ if inside("encoder") => Some(Self::Encoder(numbers())),
            _ => None,
        }
    }

    fn same_part(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// The number that a segment of a name ends with; `_hidden` stands before everything and `_out` after it.
fn number(segment: &str) -> Option<u64> {
    match segment {
        _ if segment.ends_with("_hidden") => Some(0),
        _ if segment.ends_with("_out") => Some(u64::MAX),
        _ => segment[segment.trim_end_matches(|c: char| c.is_ascii_digit()).len()..].parse().ok(),
    }
}

/// Which of our layers each of theirs is. A layer that is μ and ln σ² in one is two of ours.
fn pairs<'a>(ours: &[&'a str], theirs: &[&'a str]) -> Vec<(&'a str, Vec<&'a str>)> {
    let part = |layers: &[&'a str], part: &Place| -> Vec<(Place, &'a str)> {
        let placed = layers.iter().filter_map(|&layer| Some((Place::of(layer)?, layer)));
        placed.filter(|(place, _)| place.same_part(part)).collect()
    };
    let mut pairs = vec![];
    for place in [Place::Encoder(vec![]), Place::Mu, Place::LogVar, Place::Decoder(vec![])] {
        let (own, mut other) = (part(ours, &place), part(theirs, &place));
        other.sort();
        let ordered = other.windows(2).all(|two| two[0].0 < two[1].0);
        let separate = theirs.iter().any(|layer| matches!(Place::of(layer), Some(Place::Mu | Place::LogVar)));
        let joined = matches!(place, Place::Encoder(_)) && !separate && other.len() == own.len() + 1;
        if ordered && (other.len() == own.len() || joined) {
            pairs.extend(own.iter().zip(&other).map(|((_, own), (_, other))| (*other, vec![*own])));
            if let (true, Some((_, last))) = (joined, other.last()) {
                let heads = [Place::Mu, Place::LogVar].map(|head| part(ours, &head));
                pairs.push((last, heads.iter().flatten().map(|(_, own)| *own).collect()));
            }
        } else {
            // Layers are missing, or there are too many: only equal names are sure to mean the same.
            let same = |name| own.iter().any(|(_, own)| *own == name);
            pairs.extend(other.iter().filter(|(_, name)| same(*name)).map(|(_, name)| (*name, vec![*name])));
        }
    }
    pairs
}

/// One tensor of theirs, with the parameters that it holds, one below the other.
struct Entry<'a> {
    name: String,
    value: Tensor,
    ours: Vec<&'a str>,
}

/// The tensors of a file, matched with all of `params`.
fn entries<'a>(params: &'a Params, path: &Path) -> Result<Vec<Entry<'a>>> {
    let (tensors, _) = storage::read_foreign(path).map_err(|error| match error {
        Error::File { path, problem } => Error::File {
            path,
            problem: problem + "; in PyTorch, safetensors.torch.save_file(model.state_dict(), path) writes one",
        },
        other => other,
    })?;
    let mut problems = vec![];
    let mut theirs: BTreeMap<String, (String, Tensor)> = BTreeMap::new();
    for (name, value) in tensors {
        let plain = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect::<Vec<_>>().join(".");
        if let Some((other, _)) = theirs.insert(plain, (name.clone(), value)) {
            problems.push(format!("{name} and {other} are the same name without their wrappers"));
        }
    }

    let layer = |name: &'a str| name.strip_suffix(".weight");
    let own_layers: Vec<&str> = params.iter().filter_map(|(name, _)| layer(name)).collect();
    let other_layers: Vec<&str> = theirs.keys().filter_map(|name| name.strip_suffix(".weight")).collect();
    // Which parameters stand under which name of theirs; one that is no layer's keeps its name, behind any prefix.
    let mut wanted: Vec<(String, Vec<&str>)> = vec![];
    for (other, own) in pairs(&own_layers, &other_layers) {
        for kind in ["weight", "bias"] {
            let names = own.iter().map(|layer| format!("{layer}.{kind}"));
            let own: Vec<&str> = names.filter_map(|n| params.iter().find(|(own, _)| *own == n)).map(|p| p.0).collect();
            wanted.push((format!("{other}.{kind}"), own));
        }
    }
    let layered: Vec<&str> = wanted.iter().flat_map(|(_, own)| own.clone()).collect();
    for (name, _) in params.iter().filter(|(name, _)| !layered.contains(name)) {
        let prefixed = |other: &&String| other.strip_suffix(name).is_some_and(|prefix| prefix.ends_with('.'));
        let mut others = theirs.keys().filter(prefixed);
        let other = match (theirs.contains_key(name), others.next(), others.next()) {
            (false, Some(other), None) => other,
            _ => name,
        };
        wanted.push((other.into(), vec![name]));
    }

    let mut entries = vec![];
    for (plain, ours) in wanted {
        let shape = shape(params, &ours);
        let dtype = ours.iter().find_map(|name| params.get(name)).map_or(DType::F32, |var| var.dtype());
        let here = if ours == [plain.as_str()] { String::new() } else { format!(", {} here,", ours.join(" above ")) };
        match theirs.remove(&plain) {
            None => problems.push(format!("{plain}{here} is missing; expected shape {shape:?}")),
            Some((name, value)) => match converted(&value, &shape, dtype)? {
                Ok(value) => entries.push(Entry { name, value, ours }),
                Err(problem) => problems.push(format!("{name}{here} {problem}")),
            },
        }
    }
    for (name, value) in theirs.into_values() {
        problems.push(format!("{name}, of shape {:?}, is unexpected", value.dims()));
    }
    if problems.is_empty() {
        return Ok(entries);
    }
    let problems = problems.join("\n  ");
    Err(Error::file(
        path,
        format!(
            "its tensors are not those of this model, and nothing was changed:\n  {problems}\nbuild the model with the \
             layers of the PyTorch module; Vae::load_pytorch says which names are known"
        ),
    ))
}

/// The shape of parameters one below the other.
fn shape(params: &Params, names: &[&str]) -> Vec<usize> {
    let shapes: Vec<&[usize]> = names.iter().filter_map(|name| params.get(name)).map(|var| var.dims()).collect();
    let mut shape = shapes.first().map_or(vec![], |first| first.to_vec());
    if let Some(rows) = shape.first_mut() {
        *rows = shapes.iter().map(|shape| shape.first().unwrap_or(&1)).sum();
    }
    shape
}

/// The tensor in the parameter's own type, or what is wrong with it.
fn converted(value: &Tensor, shape: &[usize], dtype: DType) -> Result<Result<Tensor, String>> {
    // A number may be a tensor of one element.
    if value.dims() != shape && !(shape.is_empty() && value.dims() == [1]) {
        return Ok(Err(format!("has shape {:?}; expected {shape:?}", value.dims())));
    }
    if ![DType::F64, DType::F32, DType::F16, DType::BF16].contains(&value.dtype()) {
        return Ok(Err(format!("is of type {:?}; expected float64, float32, float16 or bfloat16", value.dtype())));
    }
    let value = value.to_dtype(dtype)?;
    match finite(&value)? {
        true => Ok(Ok(value)),
        false => Ok(Err(format!("has numbers that are infinite or NaN as {dtype:?}"))),
    }
}

/// Sets `params` to the tensors of a file.
pub(crate) fn load(params: &Params, path: &Path) -> Result<()> {
    let mut values = HashMap::new();
    for Entry { value, ours, .. } in entries(params, path)? {
        let mut start = 0;
        for name in ours {
            let Some(var) = params.get(name) else { continue };
            let part = match var.dims().first() {
                Some(&rows) => value.narrow(0, start, rows)?,
                None => value.reshape(())?,
            };
            start += var.dims().first().unwrap_or(&0);
            values.insert(name.to_string(), part.contiguous()?);
        }
    }
    params.restore(&values)
}

/// Writes `params` under the names and in the shapes of the file `like`.
pub(crate) fn save(params: &Params, like: &Path, path: &Path) -> Result<()> {
    let mut tensors = vec![];
    for Entry { name, value, ours } in entries(params, like)? {
        let parts: Vec<&Tensor> = ours.iter().filter_map(|name| params.get(name)).map(|var| var.as_tensor()).collect();
        let joined = match parts[..] {
            [one] => one.reshape(value.shape())?,
            _ => Tensor::cat(&parts, 0)?,
        };
        tensors.push((name, joined.to_device(&Device::Cpu)?));
    }
    storage::write(tensors, &Value::Null, path)
}
