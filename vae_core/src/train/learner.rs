//! Parameters that one loss is made small over, with their optimizer.

use candle_core::Tensor;

use crate::{
    Result,
    nn::{self, Gradients, Params},
    optim::{Adam, AdamConfig, gradient_norm},
};

/// The model, or the critic of an objective.
pub(super) struct Learner {
    /// What its tensors are called in a checkpoint: `{name}.…`, and those of its optimizer `{optimizer}.…`.
    pub(super) name: &'static str,
    pub(super) optimizer: &'static str,
    pub(super) params: Params,
    pub(super) adam: Adam,
}

impl Learner {
    pub(super) fn model(params: &Params, config: AdamConfig) -> Result<Self> {
        Self::new(("model", "adam"), params, config)
    }

    pub(super) fn critic(params: &Params, config: AdamConfig) -> Result<Self> {
        Self::new(("critic", "critic_adam"), params, config)
    }

    fn new((name, optimizer): (&'static str, &'static str), params: &Params, config: AdamConfig) -> Result<Self> {
        Ok(Self { name, optimizer, params: params.clone(), adam: Adam::new(params, config)? })
    }
}

/// One step of each learner on its own loss. All gradients are taken at the same weights; `clip` shortens those of the model, and
/// `rate` is its learning rate.
pub(super) fn step(learners: &mut [Learner], losses: &[&Tensor], clip: Option<f64>, rate: f64) -> Result<()> {
    let gradients = losses.iter().map(|loss| nn::backward(loss)).collect::<Result<Vec<Gradients>>>()?;
    for (learner, gradients) in learners.iter_mut().zip(gradients) {
        let mut scale = 1.0;
        if learner.name == "model" {
            learner.adam.set_learning_rate(rate);
            if let Some(limit) = clip {
                scale = (limit / gradient_norm(&learner.params, &gradients)?).min(1.0);
            }
        }
        learner.adam.step(gradients, scale)?;
    }
    Ok(())
}
