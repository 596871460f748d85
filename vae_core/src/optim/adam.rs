//! Adam (Kingma & Ba 2015), without weight decay.
//!
//! ```text
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! θ ← θ − α · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
//! ```
//! candle's `AdamW` decays weights by 0.01 unless told otherwise and makes a dozen passes of tensor operations per
//! parameter. Here the CPU makes one in place, a CUDA device one launch for all parameters; Metal uses candle's operations.
//!
//! ```
//! use vae_core::{candle::{Device, Var}, nn::Params, optim::{Adam, AdamConfig}};
//!
//! let mut params = Params::new();
//! let x = params.register("x", Var::new(&[3f64], &Device::Cpu)?)?;
//! let mut adam = Adam::new(&params, AdamConfig { learning_rate: 0.1, ..Default::default() })?;
//! adam.step(x.sqr()?.sum_all()?.backward()?, 1.0)?; // or `nn::backward(&loss)?`
//! assert!((x.to_vec1::<f64>()?[0] - 2.9).abs() < 1e-6); // the first step is α in the direction of −g
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::collections::HashMap;

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    nn::{Gradients, Params},
    ops::adam,
};

/// The settings of [`Adam`], with the paper's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// α.
    pub learning_rate: f64,
    /// β₁, of the mean of gradients.
    pub beta1: f64,
    /// β₂, of the mean of squared gradients.
    pub beta2: f64,
    /// ε, which keeps the division finite.
    pub epsilon: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl AdamConfig {
    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// [`Error::Argument`] naming the setting.
    pub fn check(&self) -> Result<()> {
        let rate = self.learning_rate;
        if !(rate > 0.0 && rate.is_finite()) {
            return Err(Error::argument(format!("the learning rate must be positive and finite, got {rate}")));
        }
        for (what, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Err(Error::argument(format!("Adam's {what} must be in [0, 1), got {beta}")));
            }
        }
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return Err(Error::argument(format!("Adam's epsilon must be positive and finite, got {}", self.epsilon)));
        }
        Ok(())
    }
}

/// A parameter with its running means.
#[derive(Debug)]
struct Slot {
    name: String,
    var: Var,
    m: Var,
    v: Var,
}

/// The optimizer and its state.
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    slots: Vec<Slot>,
    steps: u64,
}

impl Adam {
    /// An optimizer of `params` that has made no step yet.
    ///
    /// # Errors
    /// [`Error::Argument`] for settings that make no sense.
    pub fn new(params: &Params, config: AdamConfig) -> Result<Self> {
        config.check()?;
        let mut slots: Vec<Slot> = vec![];
        for (name, var) in params.iter() {
            // A variable with two names is one parameter.
            if slots.iter().all(|slot| slot.var.id() != var.id()) {
                let zeros = || Var::zeros(var.shape(), var.dtype(), var.device());
                slots.push(Slot { name: name.into(), var: var.clone(), m: zeros()?, v: zeros()? });
            }
        }
        Ok(Self { config, slots, steps: 0 })
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Sets the step size of the steps to come; the running means stay.
    ///
    /// A rate of 0 is a step that moves nothing, as at the end of a schedule.
    pub fn set_learning_rate(&mut self, rate: f64) {
        self.config.learning_rate = rate;
    }

    /// One step along gradients, those of [`backward`](crate::nn::backward) or of candle's own, each multiplied by `scale` first
    /// (1 unless gradients are clipped). Parameters without a gradient stay.
    pub fn step(&mut self, gradients: impl Into<Gradients>, scale: f64) -> Result<()> {
        let gradients = gradients.into();
        self.steps += 1;
        let AdamConfig { learning_rate, beta1, beta2, epsilon } = self.config;
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        // The means start at 0, so for the first steps they are too small, by known factors.
        let (first, root) = (1.0 - beta1.powi(steps), (1.0 - beta2.powi(steps)).sqrt());
        let update = adam::Update {
            keep: [beta1, beta2],
            take: [(1.0 - beta1) * scale, (1.0 - beta2) * scale * scale],
            rate: learning_rate * root / first,
            epsilon: epsilon * root,
        };
        let mut slots = vec![];
        for Slot { var, m, v, .. } in &self.slots {
            if let Some(gradient) = gradients.gradient(var) {
                slots.push(adam::Slot { theta: var, gradient, m, v });
            }
        }
        adam::step(&slots, &update)
    }

    /// The running means by name, `m.{parameter}` and `v.{parameter}`; with [`Adam::steps`] all that a checkpoint needs.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let both = |slot: &Slot| {
            [
                (format!("m.{}", slot.name), slot.m.as_tensor().clone()),
                (format!("v.{}", slot.name), slot.v.as_tensor().clone()),
            ]
        };
        self.slots.iter().flat_map(both).collect()
    }

    /// Sets the running means and the number of steps to those of a checkpoint. Nothing is changed unless all fit.
    ///
    /// # Errors
    /// [`Error::Argument`] for a missing name or another shape.
    pub fn restore(&mut self, steps: u64, state: &HashMap<String, Tensor>) -> Result<()> {
        let mut pairs = vec![];
        for Slot { name, m, v, .. } in &self.slots {
            for (var, key) in [(m, format!("m.{name}")), (v, format!("v.{name}"))] {
                let value = state.get(&key).filter(|value| value.dims() == var.dims());
                let Some(value) = value else {
                    let problem = format!("the optimizer's state has no tensor {key:?} of shape {:?}", var.dims());
                    return Err(Error::argument(problem));
                };
                pairs.push((var, value.to_dtype(var.dtype())?.to_device(var.device())?));
            }
        }
        for (var, value) in pairs {
            var.set(&value)?;
        }
        self.steps = steps;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// Several steps on an ill-scaled quadratic follow the update rule computed by hand in float64.
    #[test]
    fn follows_the_formula() {
        let (start, scales) = ([1.0, -2.0, 3.0], [1.0, 1e-3, 40.0]);
        let mut params = Params::new();
        let theta = params.register("theta", Var::new(&start, &Device::Cpu).unwrap()).unwrap();
        let weights = Tensor::new(&scales, &Device::Cpu).unwrap();
        let config = AdamConfig { learning_rate: 0.05, ..Default::default() };
        let mut adam = Adam::new(&params, config).unwrap();
        let (mut expected, mut m, mut v) = (start, [0.0f64; 3], [0.0f64; 3]);
        for t in 1..=20 {
            let loss = (theta.sqr().unwrap() * &weights).unwrap().sum_all().unwrap();
            adam.step(loss.backward().unwrap(), 0.5).unwrap();
            for i in 0..3 {
                let g = 0.5 * 2.0 * scales[i] * expected[i];
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let (m, v) = (m[i] / (1.0 - 0.9f64.powi(t)), v[i] / (1.0 - 0.999f64.powi(t)));
                expected[i] -= 0.05 * m / (v.sqrt() + 1e-8);
            }
        }
        for (got, want) in theta.to_vec1::<f64>().unwrap().iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
    }

    /// The means of a parameter whose gradient becomes 0 for good end at 0, and not at a subnormal number; NaN stays NaN.
    #[test]
    fn means_die_out() {
        let mut params = Params::new();
        let theta = params.register("theta", Var::new(&[1f32, 1.0], &Device::Cpu).unwrap()).unwrap();
        let mut adam = Adam::new(&params, AdamConfig { beta2: 0.99, ..Default::default() }).unwrap();
        let mut step = |gradient: [f32; 2]| {
            let weights = Tensor::new(&gradient, &Device::Cpu).unwrap();
            let loss = (&theta * weights).unwrap().sum_all().unwrap();
            adam.step(loss.backward().unwrap(), 1.0).unwrap();
            adam.state().into_iter().map(|(_, means)| means.to_vec1::<f32>().unwrap()).collect::<Vec<_>>()
        };
        step([1e-3, f32::NAN]);
        for _ in 0..10_000 {
            let means = step([0.0, 0.0]);
            assert!(means.iter().all(|means| !means[0].is_subnormal() && means[1].is_nan()), "{means:?}");
        }
        let means = step([0.0, 0.0]);
        assert!(means.iter().all(|means| means[0] == 0.0), "{means:?}");
    }

    /// A variable with two names is one parameter, and moved once.
    #[test]
    fn tied_names_are_moved_once() {
        let mut params = Params::new();
        let theta = params.register("theta", Var::new(&[3f32], &Device::Cpu).unwrap()).unwrap();
        params.register("tied", params.get("theta").unwrap().clone()).unwrap();
        let mut adam = Adam::new(&params, AdamConfig { learning_rate: 0.1, ..Default::default() }).unwrap();
        adam.step(theta.sqr().unwrap().sum_all().unwrap().backward().unwrap(), 1.0).unwrap();
        assert_eq!(adam.state().len(), 2);
        assert!((theta.to_vec1::<f32>().unwrap()[0] - 2.9).abs() < 1e-6);
    }

    /// Settings that make no sense are refused by name.
    #[test]
    fn refuses_nonsense() {
        let default = AdamConfig::default();
        for (config, word) in [
            (AdamConfig { learning_rate: 0.0, ..default }, "learning rate"),
            (AdamConfig { learning_rate: f64::NAN, ..default }, "learning rate"),
            (AdamConfig { learning_rate: -1.0, ..default }, "learning rate"),
            (AdamConfig { beta1: 1.0, ..default }, "beta1"),
            (AdamConfig { beta2: -0.1, ..default }, "beta2"),
            (AdamConfig { epsilon: 0.0, ..default }, "epsilon"),
        ] {
            assert!(Adam::new(&Params::new(), config).unwrap_err().to_string().contains(word));
        }
    }
}
