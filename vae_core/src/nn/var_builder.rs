//! Seeded weights for models of candle-nn's own layers.
//!
//! A layer asks its `VarBuilder` for each variable by name and shape, and says how it wants it drawn (`Init`). candle draws with
//! a generator that has no seed on the CPU; [`var_builder`] draws the very distribution from a [`Random`]:
//!
//! ```text
//! Const c            c
//! Uniform lo, up     U(lo, up)
//! Randn m, s         N(m, s²)
//! Kaiming            N(0, s²) or U(−√3 s, √3 s), s = gain / √fan        (He et al. 2015)
//! ```
//!
//! ```
//! use vae_core::{candle::Device, candle_nn::{VarMap, linear}, nn::{Params, var_builder}, random::Random};
//!
//! let map = VarMap::new();
//! let vb = var_builder(&map, Random::new(1), &Device::Cpu);
//! let layer = linear(3, 2, vb.pp("fc"))?; // the same seed, the same bits
//! assert_eq!(Params::from_varmap(&map).iter().map(|(name, _)| name).collect::<Vec<_>>(), ["fc.bias", "fc.weight"]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::{Init, VarBuilder, VarMap, init::NormalOrUniform, var_builder::SimpleBackend};

use crate::random::Random;

/// A builder of float32 variables that are drawn from `random`, in the order in which layers ask for them, and kept in `map`; what
/// the map has already is handed out as it is. candle's `VarBuilder::from_varmap` with a seed.
pub fn var_builder(map: &VarMap, random: Random, device: &Device) -> VarBuilder<'static> {
    let seeded = Seeded { map: map.clone(), random: Mutex::new(random) };
    VarBuilder::from_backend(Box::new(seeded), DType::F32, device.clone())
}

struct Seeded {
    map: VarMap,
    random: Mutex<Random>,
}

impl SimpleBackend for Seeded {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        if !self.contains_tensor(name) {
            let (uniform, scale, shift) = match init {
                Init::Const(value) => (true, 0.0, value),
                Init::Uniform { lo, up } => (true, up - lo, lo),
                Init::Randn { mean, stdev } => (false, stdev, mean),
                Init::Kaiming { dist, fan, non_linearity } => {
                    let std = non_linearity.gain() / (fan.for_shape(&shape) as f64).sqrt();
                    match dist {
                        NormalOrUniform::Uniform => (true, 12f64.sqrt() * std, -3f64.sqrt() * std),
                        NormalOrUniform::Normal => (false, std, 0.0),
                    }
                }
            };
            let mut random = whole(&self.random);
            let draw = if uniform { random.uniform(&shape, device)? } else { random.normal(&shape, device)? };
            let var = Var::from_tensor(&draw.affine(scale, shift)?.to_dtype(dtype)?)?;
            whole(self.map.data()).insert(name.into(), var);
        }
        self.map.get(shape, name, init, dtype, device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        SimpleBackend::get_unchecked(&self.map, name, dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.map.contains_tensor(name)
    }
}

/// What a lock holds; a thread that panicked meanwhile left it whole.
fn whole<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_nn::init::{DEFAULT_KAIMING_NORMAL, DEFAULT_KAIMING_UNIFORM};

    /// Numbers have the mean, the spread and the bounds that were asked for; a name that was asked for before has its tensor.
    #[test]
    fn wishes_are_granted() {
        let (map, unbounded) = (VarMap::new(), f64::INFINITY);
        let vb = var_builder(&map, Random::new(1), &Device::Cpu);
        // √(2/50) = 0.2, the fan-in being 50.
        for (i, (init, mean, std, bound)) in [
            (Init::Const(0.3), 0.3, 0.0, 0.3),
            (Init::Uniform { lo: -1.0, up: 3.0 }, 1.0, 4.0 / 12f64.sqrt(), 3.0),
            (Init::Randn { mean: 2.0, stdev: 0.5 }, 2.0, 0.5, unbounded),
            (DEFAULT_KAIMING_NORMAL, 0.0, 0.2, unbounded),
            (DEFAULT_KAIMING_UNIFORM, 0.0, 0.2, 0.2 * 3f64.sqrt()),
        ]
        .into_iter()
        .enumerate()
        {
            let tensor = vb.get_with_hints((2000, 50), &i.to_string(), init).unwrap();
            let values: Vec<f64> = tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
            let own_mean = values.iter().sum::<f64>() / 1e5;
            let own_std = (values.iter().map(|x| (x - own_mean).powi(2)).sum::<f64>() / 1e5).sqrt();
            let largest = values.iter().fold(0f64, |most, x| most.max(x.abs()));
            assert!((own_mean - mean).abs() <= 0.02 * std + 1e-6, "{init:?}: mean {own_mean}");
            assert!((own_std - std).abs() <= 0.02 * std + 1e-6, "{init:?}: standard deviation {own_std}");
            assert!(largest <= bound + 1e-6 && (largest > 0.99 * bound || bound == unbounded), "{init:?}: {largest}");
            assert_eq!(vb.get((2000, 50), &i.to_string()).unwrap().id(), tensor.id());
        }
        assert!(vb.get(3, "0").is_err());
    }
}
