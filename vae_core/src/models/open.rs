//! A model from what was stored of it, whatever its kind.

use std::path::Path;

use candle_core::Device;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ConvVaeConfig, MlpVaeConfig, Vae};
use crate::{Error, Result, io::storage};

/// The model that [`Vae::save`] wrote, of any kind that this crate has.
///
/// ```
/// use vae_core::prelude::*;
///
/// let path = std::env::temp_dir().join(format!("vae_core-open-{}.safetensors", std::process::id()));
/// MlpVae::new(MlpVaeConfig { latent: 3, ..Default::default() }, &Device::Cpu, 1)?.save(&path)?;
/// assert_eq!(vae_core::models::open(&path, &Device::Cpu)?.latent(), 3);
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), vae_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] and [`Error::File`] when the file cannot be read or holds no model of this crate.
pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<Box<dyn Vae>> {
    opened(path.as_ref(), |stored, most| build(stored, most, device))
}

/// The configuration of a model, as it is stored beside the weights.
pub(super) trait Architecture: DeserializeOwned {
    /// What the file calls it.
    const KIND: &str;
    type Model: Vae;

    /// The number of weights, biases left out, found without making any.
    ///
    /// # Errors
    /// [`Error::Argument`] for a configuration of which no model can be made.
    fn weights(&self) -> Result<u128>;

    /// The model, with weights that are still to be set.
    fn model(self, device: &Device) -> Result<Self::Model>;
}

/// The model in a file, which must be of one kind.
pub(super) fn open_as<C: Architecture>(path: &Path, device: &Device) -> Result<C::Model> {
    let vae = opened(path, |stored, most| {
        if stored["kind"] != C::KIND {
            let kind = C::KIND;
            return Err(Error::argument(format!("expected a model of kind {kind:?}, got {}", stored["kind"])));
        }
        Ok(Box::new(make::<C>(stored, most, device)?))
    })?;
    Ok(*vae)
}

/// Reads a file and sets the weights of the model that `make` builds of its configuration.
fn opened<V: Vae + ?Sized>(path: &Path, make: impl FnOnce(&Value, u128) -> Result<Box<V>>) -> Result<Box<V>> {
    let (tensors, stored) = storage::read(path)?;
    let vae = make(&stored, storage::count(tensors.values())).map_err(|error| Error::file(path, error.to_string()))?;
    storage::restore(vae.params(), &tensors, path)?;
    Ok(vae)
}

/// A model of the stored configuration (see [`Vae::config`]), of `most` weights at most, which are still to be set.
///
/// # Errors
/// [`Error::Argument`] for a kind that this crate does not have, or a configuration that does not fit the kind, or one that
/// asks for more weights: a few bytes in a file must not make gigabytes of numbers.
pub(crate) fn build(stored: &Value, most: u128, device: &Device) -> Result<Box<dyn Vae>> {
    match stored["kind"].as_str() {
        Some(MlpVaeConfig::KIND) => Ok(Box::new(make::<MlpVaeConfig>(stored, most, device)?)),
        Some(ConvVaeConfig::KIND) => Ok(Box::new(make::<ConvVaeConfig>(stored, most, device)?)),
        Some(kind) => Err(Error::argument(format!("expected a model of kind \"mlp\" or \"conv\", got {kind:?}"))),
        None => Err(Error::argument("expected a model with its configuration, as Vae::save writes it, got none")),
    }
}

fn make<C: Architecture>(stored: &Value, most: u128, device: &Device) -> Result<C::Model> {
    let config: C = C::deserialize(&stored["config"])
        .map_err(|error| Error::argument(format!("the configuration of its model cannot be read: {error}")))?;
    let weights = config.weights()?;
    if weights > most {
        return Err(Error::argument(format!(
            "its configuration asks for {weights} weights, but there are {most} numbers"
        )));
    }
    config.model(device)
}
