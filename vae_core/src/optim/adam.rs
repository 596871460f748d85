//! Adam (Kingma & Ba 2015), without weight decay.
//!
//! ```text
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! θ ← θ − α · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
//! ```
//! candle's `AdamW` decays weights by 0.01 unless told otherwise and makes a dozen passes of tensor operations per
//! parameter. Here the CPU makes three in place, one for each line's target; other devices use candle's operations.
//!
//! ```
//! use vae_core::{candle::{Device, Var}, nn::Params, optim::{Adam, AdamConfig}};
//!
//! let mut params = Params::new();
//! let x = params.register("x", Var::new(&[3f64], &Device::Cpu)?)?;
//! let mut adam = Adam::new(&params, AdamConfig { learning_rate: 0.1, ..Default::default() })?;
//! adam.step(&x.sqr()?.sum_all()?.backward()?, 1.0)?;
//! assert!((x.to_vec1::<f64>()?[0] - 2.9).abs() < 1e-6); // the first step is α in the direction of −g
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Tensor, Var, WithDType, backprop::GradStore};
use num_traits::Float;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, nn::Params};

/// Elements that one thread takes at a time.
const CHUNK: usize = 16 * 1024;

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
        let slot = |(name, var): (&str, &Var)| -> Result<Slot> {
            let zeros = || Var::zeros(var.shape(), var.dtype(), var.device());
            Ok(Slot { name: name.into(), var: var.clone(), m: zeros()?, v: zeros()? })
        };
        Ok(Self { config, slots: params.iter().map(slot).collect::<Result<_>>()?, steps: 0 })
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One step along `gradients`, each multiplied by `scale` first (1 unless gradients are clipped). Parameters without a
    /// gradient stay.
    pub fn step(&mut self, gradients: &GradStore, scale: f64) -> Result<()> {
        self.steps += 1;
        let AdamConfig { learning_rate, beta1, beta2, epsilon } = self.config;
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let first = Mean { beta: beta1, scale, squared: false };
        let second = Mean { beta: beta2, scale, squared: true };
        let descent = Descent {
            rate: learning_rate / (1.0 - beta1.powi(steps)),
            root: (1.0 - beta2.powi(steps)).sqrt(),
            epsilon,
        };
        for Slot { var, m, v, .. } in &self.slots {
            let Some(gradient) = gradients.get(var) else { continue };
            let gradient = gradient.contiguous()?;
            if var.device().is_cpu() {
                m.inplace_op2(&gradient, &first)?;
                v.inplace_op2(&gradient, &second)?;
                var.inplace_op3(m, v, &descent)?;
            } else {
                m.set(&((m.as_tensor() * beta1)? + (&gradient * ((1.0 - beta1) * scale))?)?)?;
                v.set(&((v.as_tensor() * beta2)? + (gradient.sqr()? * ((1.0 - beta2) * scale * scale))?)?)?;
                let denominator = (v.sqrt()? / descent.root)?.affine(1.0, epsilon)?;
                var.set(&(var.as_tensor() - (m.as_tensor() * descent.rate)?.div(&denominator)?)?)?;
            }
        }
        Ok(())
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
    pub fn restore(&mut self, steps: u64, state: &std::collections::HashMap<String, Tensor>) -> Result<()> {
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

/// m ← β m + (1 − β) s g, or with g² for the second moment.
struct Mean {
    beta: f64,
    scale: f64,
    squared: bool,
}

/// θ ← θ − rate · m / (√v / root + ε).
struct Descent {
    rate: f64,
    root: f64,
    epsilon: f64,
}

/// The slice of a contiguous tensor.
fn slice<'a, T>(values: &'a [T], layout: &Layout) -> candle_core::Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => candle_core::bail!("Adam works on contiguous tensors, got the layout {layout:?}"),
    }
}

/// The same, to write to.
fn slice_mut<'a, T>(values: &'a mut [T], layout: &Layout) -> candle_core::Result<&'a mut [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&mut values[start..end]),
        None => candle_core::bail!("Adam works on contiguous tensors, got the layout {layout:?}"),
    }
}

impl Mean {
    fn apply<T: WithDType + Float>(&self, mean: &mut [T], gradient: &[T]) {
        let keep = T::from_f64(self.beta);
        let scale = if self.squared { self.scale * self.scale } else { self.scale };
        let take = T::from_f64((1.0 - self.beta) * scale);
        mean.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).for_each(|(mean, gradient)| {
            for (m, &g) in mean.iter_mut().zip(gradient) {
                *m = keep * *m + take * if self.squared { g * g } else { g };
            }
        });
    }
}

impl InplaceOp2 for Mean {
    fn name(&self) -> &'static str {
        "adam-mean"
    }

    fn cpu_fwd(&self, s1: &mut CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> candle_core::Result<()> {
        match (s1, s2) {
            (CpuStorage::F32(mean), CpuStorage::F32(g)) => self.apply(slice_mut(mean, l1)?, slice(g, l2)?),
            (CpuStorage::F64(mean), CpuStorage::F64(g)) => self.apply(slice_mut(mean, l1)?, slice(g, l2)?),
            _ => candle_core::bail!("Adam works on float32 and float64 gradients of the parameter's own type"),
        }
        Ok(())
    }
}

impl Descent {
    fn apply<T: WithDType + Float>(&self, theta: &mut [T], m: &[T], v: &[T]) {
        let (rate, root, epsilon) = (T::from_f64(self.rate), T::from_f64(self.root), T::from_f64(self.epsilon));
        let moments = m.par_chunks(CHUNK).zip(v.par_chunks(CHUNK));
        theta.par_chunks_mut(CHUNK).zip(moments).for_each(|(theta, (m, v))| {
            for ((theta, &m), &v) in theta.iter_mut().zip(m).zip(v) {
                *theta -= rate * m / (v.sqrt() / root + epsilon);
            }
        });
    }
}

impl InplaceOp3 for Descent {
    fn name(&self) -> &'static str {
        "adam-descent"
    }

    fn cpu_fwd(
        &self,
        s1: &mut CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> candle_core::Result<()> {
        match (s1, s2, s3) {
            (CpuStorage::F32(theta), CpuStorage::F32(m), CpuStorage::F32(v)) => {
                self.apply(slice_mut(theta, l1)?, slice(m, l2)?, slice(v, l3)?)
            }
            (CpuStorage::F64(theta), CpuStorage::F64(m), CpuStorage::F64(v)) => {
                self.apply(slice_mut(theta, l1)?, slice(m, l2)?, slice(v, l3)?)
            }
            _ => candle_core::bail!("Adam works on float32 and float64 parameters"),
        }
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
            adam.step(&loss.backward().unwrap(), 0.5).unwrap();
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
