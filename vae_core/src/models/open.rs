//! A model from what was stored of it, whatever its kind.

use std::path::Path;

use candle_core::Device;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ConvVae, MlpVae, Vae, storage};
use crate::{Error, Result};

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
    let path = path.as_ref();
    let (tensors, stored) = storage::read(path)?;
    let wrong = |error: Error| Error::file(path, error.to_string());
    let vae = build(&stored, device).map_err(wrong)?;
    vae.params().restore(&tensors).map_err(wrong)?;
    Ok(vae)
}

/// A model of the stored configuration (see [`Vae::config`]), with weights that are still to be set.
///
/// # Errors
/// [`Error::Argument`] for a kind that this crate does not have, or a configuration that does not fit the kind.
pub(crate) fn build(stored: &Value, device: &Device) -> Result<Box<dyn Vae>> {
    match stored["kind"].as_str() {
        Some("mlp") => Ok(Box::new(MlpVae::new(config(stored)?, device, 0)?)),
        Some("conv") => Ok(Box::new(ConvVae::new(config(stored)?, device, 0)?)),
        Some(kind) => Err(Error::argument(format!("expected a model of kind \"mlp\" or \"conv\", got {kind:?}"))),
        None => Err(Error::argument("expected a model with its configuration, as Vae::save writes it, got none")),
    }
}

fn config<C: DeserializeOwned>(stored: &Value) -> Result<C> {
    serde_json::from_value(stored["config"].clone())
        .map_err(|error| Error::argument(format!("the configuration of its model cannot be read: {error}")))
}
