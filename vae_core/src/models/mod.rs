//! Models: an encoder, a decoder and nothing else.
//!
//! A model does not know its loss: [`Vae::encode`] returns a distribution, [`Vae::decode`] returns a distribution, and an
//! [objective](crate::objectives) makes a number of them.
//!
//! - [`Vae`]: what all models can do; one of one's own takes five methods
//! - [`MlpVae`]: fully connected layers
//! - [`ConvVae`]: convolutions and transposed convolutions
//! - [`ConditionalVae`]: either of them, told a label or a vector
//! - [`WithPrior`]: any of them with a learned prior, of a [`PriorFamily`]
//! - [`walk`]: codes from one to another, along a dimension, over a plane
//! - [`open`]: whatever a file holds, also a model of one's own that was [`register`]ed

mod conditional;
mod conditional_config;
mod conv;
mod conv_config;
mod mlp;
mod networks;
mod observation;
mod open;
mod output_bias;
mod prior_family;
mod summary;
mod vae;
pub mod walk;
mod with_prior;

pub use conditional::ConditionalVae;
pub use conditional_config::{Condition, ConditionalVaeConfig, Network, Prior, Told};
pub use conv::ConvVae;
pub use conv_config::ConvVaeConfig;
pub use mlp::{MlpVae, MlpVaeConfig};
pub use observation::Observation;
pub(crate) use open::build;
pub use open::{Constructor, describe, open, register};
pub use prior_family::PriorFamily;
pub(crate) use summary::thousands;
pub use summary::{LayerRow, Summary};
pub use vae::Vae;
pub(crate) use vae::given;
pub use with_prior::WithPrior;

/// More weights than this would not fit into memory beside their gradients.
const MOST_WEIGHTS: u128 = 1 << 31;
/// More layers than this are a mistake, and would take for ever to name.
const MOST_LAYERS: usize = 1000;
