//! A model from what was stored of it, whatever its kind.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use candle_core::Device;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{ConvVaeConfig, MlpVaeConfig, Vae, WithPrior, conditional_config::Stored, with_prior::KIND as WITH_PRIOR};
use crate::{Error, Result, io::storage};

/// The model that [`Vae::save`] wrote, of any kind that this crate has or that was [`register`]ed; or that of a training's
/// checkpoint, `last.safetensors`.
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

/// The configuration of a model with the kind that it is registered as: what [`Vae::config`] returns.
pub fn describe(kind: &str, config: &impl Serialize) -> Value {
    // A configuration is plain data; should one ever not serialize, its model is refused on loading.
    json!({ "kind": kind, "config": serde_json::to_value(config).unwrap_or(Value::Null) })
}

/// What makes a model, with weights that are still to be set, of the configuration that [`describe`] was given.
pub type Constructor = fn(&Value, &Device) -> Result<Box<dyn Vae>>;

/// Models from outside this crate.
static REGISTERED: Mutex<BTreeMap<String, Constructor>> = Mutex::new(BTreeMap::new());

fn registered() -> MutexGuard<'static, BTreeMap<String, Constructor>> {
    // A thread that panicked meanwhile left a whole map.
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a kind of model known, so that [`open`] reads it from a file and a [`Detector`](crate::eval::Detector) can have one.
/// Registering a kind again, as a notebook's cell does that is run twice, replaces the constructor.
///
/// ```
/// use vae_core::{models, prelude::*};
/// # struct Tiny(MlpVae);
/// # impl Tiny {
/// #     fn new(latent: usize, device: &Device, seed: u64) -> Result<Self> {
/// #         Ok(Self(MlpVae::new(MlpVaeConfig { hidden: vec![], latent, ..Default::default() }, device, seed)?))
/// #     }
/// # }
/// # impl Vae for Tiny {
/// #     fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> { Vae::encode(&self.0, x) }
/// #     fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> { self.0.decode(z) }
/// #     fn latent(&self) -> usize { self.0.latent() }
/// #     fn shape(&self) -> Shape { self.0.shape() }
/// #     fn params(&self) -> &Params { self.0.params() }
/// #     fn config(&self) -> vae_core::serde_json::Value { models::describe("tiny", &self.latent()) }
/// # }
///
/// // `Tiny::config` returns `models::describe("tiny", &self.latent())`.
/// models::register("tiny", |config, device| Ok(Box::new(Tiny::new(config.as_u64().unwrap_or(2) as usize, device, 0)?)))?;
///
/// let path = std::env::temp_dir().join(format!("vae_core-register-{}.safetensors", std::process::id()));
/// Tiny::new(3, &Device::Cpu, 1)?.save(&path)?;
/// assert_eq!(models::open(&path, &Device::Cpu)?.latent(), 3);
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), vae_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] for a kind that this crate has itself.
pub fn register(kind: &str, constructor: Constructor) -> Result<()> {
    if [MlpVaeConfig::KIND, ConvVaeConfig::KIND, Stored::KIND, WITH_PRIOR].contains(&kind) {
        return Err(Error::argument(format!(
            "{kind:?} is a kind of model that vae_core has itself; choose another name"
        )));
    }
    registered().insert(kind.into(), constructor);
    Ok(())
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
pub(super) fn opened<V: Vae + ?Sized>(
    path: &Path,
    make: impl FnOnce(&Value, u128) -> Result<Box<V>>,
) -> Result<Box<V>> {
    let (mut tensors, mut stored) = storage::read(path)?;
    if let Some(model) = stored.pointer("/identity/model").cloned() {
        // A checkpoint of a training: the optimizer's numbers are beside the weights.
        let own = |(name, tensor): (String, _)| Some((name.strip_prefix("model.")?.to_string(), tensor));
        (tensors, stored) = (tensors.into_iter().filter_map(own).collect(), model);
    }
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
        Some(Stored::KIND) => Ok(Box::new(make::<Stored>(stored, most, device)?)),
        Some(WITH_PRIOR) => Ok(Box::new(WithPrior::built(stored, most, device)?)),
        Some(kind) => foreign(kind, &stored["config"], most, device),
        None => Err(Error::argument("expected a model with its configuration, as Vae::save writes it, got none")),
    }
}

/// A model of a kind that was registered.
fn foreign(kind: &str, config: &Value, most: u128, device: &Device) -> Result<Box<dyn Vae>> {
    let constructor = registered().get(kind).copied();
    let Some(constructor) = constructor else {
        return Err(Error::argument(format!(
            "expected a model of kind \"mlp\", \"conv\", \"conditional\" or \"with-prior\", or one that was registered, got {kind:?}; \
             call models::register({kind:?}, …) first, and return models::describe({kind:?}, …) from the model's config"
        )));
    };
    let vae = constructor(config, device)?;
    let weights = vae.params().count() as u128;
    if weights > most {
        return Err(Error::argument(format!(
            "its configuration makes {weights} weights, but there are {most} numbers"
        )));
    }
    Ok(vae)
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
