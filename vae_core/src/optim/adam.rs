//! Adam (Kingma & Ba 2015), without weight decay.
//!
//! ```text
//! m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
//! θ ← θ − α · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
//! ```
//! candle's `AdamW` decays weights by 0.01 unless told otherwise and makes a dozen passes of tensor operations per
//! parameter. Here the CPU makes one in place, a CUDA
//! device one launch for all parameters; Metal uses candle's operations.
//!
//! ```
//! use vae_core::{candle::{Device, Var}, nn::Params, optim::{Adam, AdamConfig}};
//!
//! let mut params = Params::new();
//! let x = params.register("x", Var::new(&[3f64], &Device::Cpu)?)?;
//! let mut adam = Adam::new(&params, AdamConfig { learning_rate: 0.1, ..Default::default() })?;
//! adam.step(&x.sqr()?.sum_all()?.backward()?.into(), 1.0)?; // or `&nn::backward(&loss)?`
//! assert!((x.to_vec1::<f64>()?[0] - 2.9).abs() < 1e-6); // the first step is α in the direction of −g
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor, Var};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    nn::{Gradients, Params},
    ops::kernels::{
        in_pool,
        slices::{in_float32_on_cpu, with_slice},
    },
    ops::{cuda, gradients::Gradient},
};

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

    /// One step along `gradients`, each multiplied by `scale` first (1 unless gradients are clipped). Parameters without a
    /// gradient stay.
    pub fn step(&mut self, gradients: &Gradients, scale: f64) -> Result<()> {
        self.steps += 1;
        let AdamConfig { learning_rate, beta1, beta2, epsilon } = self.config;
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        // The means start at 0, so for the first steps they are too small, by known factors.
        let (first, root) = (1.0 - beta1.powi(steps), (1.0 - beta2.powi(steps)).sqrt());
        let update = Update { beta1, beta2, scale, rate: learning_rate * root / first, epsilon: epsilon * root };
        if self.slots.iter().any(|slot| cuda::on(slot.var.device())) {
            // On this thread: another one might have another CUDA stream.
            return self.slots_on_device(gradients, &update);
        }
        // Side by side: where one runs out of tasks for all threads, there are those of the next.
        let one = |Slot { var, m, v, .. }: &Slot| match gradients.gradient(var) {
            Some(Gradient::Numbers(gradient)) => update.with_numbers(var, gradient, m, v),
            Some(Gradient::Tensor(gradient)) if in_float32_on_cpu(var) && in_float32_on_cpu(gradient) => {
                with_slice(&gradient.contiguous()?, |gradient| update.with_numbers(var, gradient, m, v))
            }
            Some(Gradient::Tensor(gradient)) => update.by_candle(var, gradient, m, v),
            None => Ok(()),
        };
        in_pool(|| self.slots.par_iter().try_for_each(one))
    }

    /// One launch for all float32 parameters, candle's operations for others.
    fn slots_on_device(&self, gradients: &Gradients, update: &Update) -> Result<()> {
        let mut together = vec![];
        for Slot { var, m, v, .. } in &self.slots {
            let numbers = |numbers| Tensor::from_slice(numbers, var.shape(), var.device());
            let gradient = match gradients.gradient(var) {
                Some(Gradient::Tensor(gradient)) => gradient.contiguous()?,
                Some(Gradient::Numbers(gradient)) => numbers(gradient)?,
                None => continue,
            };
            if cuda::takes(var) && cuda::takes(&gradient) {
                together.push((var, gradient, m, v));
            } else {
                update.by_candle(var, &gradient, m, v)?;
            }
        }
        let slots: Vec<cuda::adam::Slot> =
            together.iter().map(|(var, gradient, m, v)| [var.as_tensor(), gradient, m, v]).collect();
        let Update { rate, epsilon, .. } = *update;
        let ([keep1, take1], [keep2, take2]) = update.factors();
        cuda::adam::step(&slots, [keep1, take1, keep2, take2, rate, epsilon])
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

/// The numbers of one step: g ← scale · g, then the means, then θ ← θ − rate · m / (√v + ε), with the corrections of both
/// means moved into rate and ε.
struct Update {
    beta1: f64,
    beta2: f64,
    scale: f64,
    rate: f64,
    epsilon: f64,
}

impl Update {
    /// What the old means and the new gradient (squared) are multiplied by.
    fn factors(&self) -> ([f64; 2], [f64; 2]) {
        let Self { beta1, beta2, scale, .. } = *self;
        ([beta1, (1.0 - beta1) * scale], [beta2, (1.0 - beta2) * scale * scale])
    }

    /// By candle's own operations, on any device and in any precision.
    fn by_candle(&self, theta: &Var, g: &Tensor, m: &Var, v: &Var) -> Result<()> {
        let ([keep1, take1], [keep2, take2]) = self.factors();
        m.set(&((m.as_tensor() * keep1)? + (g * take1)?)?)?;
        v.set(&((v.as_tensor() * keep2)? + (g.sqr()? * take2)?)?)?;
        let denominator = v.sqrt()?.affine(1.0, self.epsilon)?;
        theta.set(&(theta.as_tensor() - (m.as_tensor() * self.rate)?.div(&denominator)?)?)?;
        Ok(())
    }

    /// One pass over the parameter and both means.
    fn with_numbers(&self, theta: &Var, g: &[f32], m: &Var, v: &Var) -> Result<()> {
        let count = theta.elem_count();
        if g.len() != count {
            return Err(Error::argument(format!("expected a gradient of {count} numbers, got {}", g.len())));
        }
        let arch = Arch::new();
        let apply = |theta: &mut [f32], m: &mut [f32], v: &mut [f32]| {
            let means = m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK));
            let chunks = theta.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK)).zip(means);
            chunks.for_each(|((theta, g), (m, v))| arch.dispatch(Chunk { update: self, theta, g, m, v }));
            Ok(())
        };
        // candle hands out one tensor to write to at a time, so each is asked for inside the other's turn.
        writing(m, |m| writing(v, |v| writing(theta, |theta| apply(theta, m, v))))
    }
}

/// What one thread takes at a time.
struct Chunk<'a> {
    update: &'a Update,
    theta: &'a mut [f32],
    g: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl WithSimd for Chunk<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (first, second) = self.update.factors();
        let ([keep1, take1], [keep2, take2]) = (first.map(|x| x as f32), second.map(|x| x as f32));
        let [rate, epsilon] = [self.update.rate, self.update.epsilon].map(|x| x as f32);
        for (((theta, &g), m), v) in self.theta.iter_mut().zip(self.g).zip(self.m).zip(self.v) {
            *m = or_zero(keep1 * *m + take1 * g, 1e-30);
            *v = or_zero(keep2 * *v + take2 * g * g, f32::MIN_POSITIVE);
            *theta -= rate * *m / (v.sqrt() + epsilon);
        }
    }
}

/// x, or 0 where |x| is less than `least`.
///
/// The means of a weight whose gradient stays 0, as behind a rectifier that never fires again, shrink for ever: after 700
/// steps the first is below 10⁻³⁸, where numbers are subnormal and a processor computes with them many times slower. Its
/// limit leaves room for the product with the learning rate; the square of a gradient that small is 0 anyway.
#[inline(always)]
fn or_zero(x: f32, least: f32) -> f32 {
    if x.abs() < least { 0.0 } else { x }
}

/// Calls `f` with the numbers of a contiguous float32 variable on the CPU, to write to.
fn writing<R>(var: &Var, f: impl FnOnce(&mut [f32]) -> Result<R>) -> Result<R> {
    let turn = Turn(RefCell::new((Some(f), None)));
    var.inplace_op1(&turn)?;
    turn.0.into_inner().1.unwrap_or_else(|| Err(Error::argument("candle did not hand out a variable to write to")))
}

/// A closure that is called once with the storage of a tensor to write to, and what it returned.
struct Turn<F, R>(RefCell<(Option<F>, Option<Result<R>>)>);

impl<R, F: FnOnce(&mut [f32]) -> Result<R>> InplaceOp1 for Turn<F, R> {
    fn name(&self) -> &'static str {
        "vae_core Adam"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            candle_core::bail!("Adam expected a contiguous float32 variable, got the layout {layout:?}");
        };
        let (f, result) = &mut *self.0.borrow_mut();
        *result = f.take().map(|f| f(&mut values[start..end]));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::{
        nn::{Linear, backward},
        optim::gradient_norm,
        random::Random,
    };

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
            adam.step(&loss.backward().unwrap().into(), 0.5).unwrap();
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
            adam.step(&loss.backward().unwrap().into(), 1.0).unwrap();
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

    /// A step along the gradients of `backward` and one along candle's own have the same bits; and a variable with two names is
    /// moved once.
    #[test]
    fn both_ways_of_backward_move_alike() {
        let step = |ours: bool| {
            let (mut params, random, cpu) = (Params::new(), &mut Random::new(3), Device::Cpu);
            let layer = Linear::new(&mut params, "fc", 70, 110, random, &cpu).unwrap();
            let weight = params.get("fc.weight").unwrap().clone();
            params.register("tied", weight.clone()).unwrap();
            let mut adam = Adam::new(&params, AdamConfig::default()).unwrap();
            let x = random.normal((9, 70), &cpu).unwrap();
            for _ in 0..2 {
                let loss = layer.forward(&x).unwrap().sqr().unwrap().sum_all().unwrap();
                let gradients = if ours { backward(&loss).unwrap() } else { loss.backward().unwrap().into() };
                assert!(gradient_norm(&params, &gradients).unwrap() > 0.0);
                adam.step(&gradients, 0.5).unwrap();
            }
            assert_eq!(adam.state().len(), 4);
            weight.to_vec2::<f32>().unwrap()
        };
        let weight = step(true);
        assert_eq!(weight, step(false));
        assert!(weight.iter().flatten().all(|w| w.is_finite()));
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
