//! The layers of both halves of a model, for whoever computes them elsewhere than here: the explorer in a browser.

use super::Observation;
use crate::nn::Stack;

/// The two halves of a [`Vae`](super::Vae) as layers.
///
/// ```text
/// encoder   x (B, …) → features ─┬→ posterior → mu, log_var (B, D)        decoder   z (B, D) ─┬→ … → (B, C, H, W)
///                                y                                                            y
/// ```
/// A model that is told nothing has no `features`: its posterior begins at x.
///
/// ```
/// use vae_core::prelude::*;
///
/// let vae = MlpVae::new(MlpVaeConfig { hidden: vec![64], latent: 2, ..Default::default() }, &Device::Cpu, 1)?;
/// let halves = vae.halves().unwrap();
/// let z = Tensor::new(&[[0.5f32, -1.0]], &Device::Cpu)?;
/// let logits = halves.decoder.forward(&z)?;
/// check::close("the layers are those of decode", vae.decode(&z)?.mean()?, candle_nn::ops::sigmoid(&logits)?, 1e-6)?;
/// # use vae_core::candle_nn;
/// # Ok::<(), vae_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Halves {
    /// What x goes through before y comes beside it.
    pub features: Stack,
    /// The rest of the encoder, which ends in the heads μ and ln σ².
    pub posterior: Stack,
    /// From z, with y beside it, to what `observation` makes a distribution of.
    pub decoder: Stack,
    /// What the decoder's output means.
    pub observation: Observation,
    /// How many numbers of y come beside the features.
    pub beside_features: usize,
    /// How many numbers of y come beside z.
    pub beside_z: usize,
    /// The y that the model was given, where it is one for all items.
    pub given: Option<Vec<f32>>,
    /// Whether y are labels, as rows of the identity.
    pub classes: bool,
}

impl Halves {
    /// Those of a model that is told nothing: an encoder that ends in two heads, and a decoder.
    pub fn new(posterior: Stack, decoder: Stack, observation: Observation) -> Self {
        Self {
            features: Stack::new(),
            posterior,
            decoder,
            observation,
            beside_features: 0,
            beside_z: 0,
            given: None,
            classes: false,
        }
    }
}
