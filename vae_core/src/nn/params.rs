//! The parameters of a model, by name and in a fixed order.
//!
//! candle's `VarMap` lists its variables in hash order, which changes from run to run; sums over parameters and files made
//! from them would change with it. Here the order is that of registration.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor, Var};

use crate::{Error, Result};

/// Named trainable tensors in the order of their registration.
#[derive(Clone, Debug, Default)]
pub struct Params {
    vars: Vec<(String, Var)>,
}

impl Params {
    /// No parameters yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The parameters of a candle [`VarMap`](candle_nn::VarMap), sorted by name: the way in for models that are built with
    /// a `VarBuilder`. They stay shared with the map. [`var_builder`](super::var_builder) gives them seeded values.
    pub fn from_varmap(map: &candle_nn::VarMap) -> Self {
        // A thread that panicked while it held the lock leaves the map itself intact.
        let data = map.data().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut vars: Vec<_> = data.iter().map(|(name, var)| (name.clone(), var.clone())).collect();
        vars.sort_by(|a, b| a.0.cmp(&b.0));
        Self { vars }
    }

    /// Adds a parameter and returns the tensor that a layer computes with.
    ///
    /// # Errors
    /// [`Error::Argument`] when the name is taken.
    pub fn register(&mut self, name: impl Into<String>, var: Var) -> Result<Tensor> {
        let name = name.into();
        if self.get(&name).is_some() {
            return Err(Error::argument(format!(
                "there is a parameter {name:?} already; give each layer a name of its own"
            )));
        }
        let tensor = var.as_tensor().clone();
        self.vars.push((name, var));
        Ok(tensor)
    }

    /// The parameter of that name.
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.iter().find(|(own, _)| *own == name).map(|(_, var)| var)
    }

    /// Name and variable of every parameter.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.vars.iter().map(|(name, var)| (name.as_str(), var))
    }

    /// Where the parameters are: the device of the first, the CPU when there are none.
    pub fn device(&self) -> &Device {
        static NOWHERE: Device = Device::Cpu;
        self.vars.first().map_or(&NOWHERE, |(_, var)| var.device())
    }

    /// The type of the parameters: that of the first, float32 when there are none.
    pub fn dtype(&self) -> DType {
        self.vars.first().map_or(DType::F32, |(_, var)| var.dtype())
    }

    /// How many numbers there are in all parameters together.
    pub fn count(&self) -> usize {
        self.vars.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// Whether every number in every parameter is finite.
    pub fn all_finite(&self) -> Result<bool> {
        for (_, var) in self.iter() {
            if !finite(var)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Copies of all values as they are now, to come back to with [`Params::restore`].
    pub fn snapshot(&self) -> Result<HashMap<String, Tensor>> {
        self.iter().map(|(name, var)| Ok((name.to_string(), var.as_tensor().copy()?.detach()))).collect()
    }

    /// Sets every parameter to the tensor of its name. Nothing is changed unless all fit.
    ///
    /// # Errors
    /// [`Error::Argument`] for a missing or an unknown name, [`Error::Shape`] for another shape.
    pub fn restore(&self, values: &HashMap<String, Tensor>) -> Result<()> {
        if let Some(unknown) = values.keys().filter(|name| self.get(name).is_none()).min() {
            return Err(Error::argument(format!(
                "there is no parameter {unknown:?} in this model; it has {}",
                self.names()
            )));
        }
        let mut pairs = Vec::with_capacity(self.vars.len());
        for (name, var) in self.iter() {
            let Some(value) = values.get(name) else {
                return Err(Error::argument(format!("the parameter {name:?} is missing among the values to load")));
            };
            if value.dims() != var.dims() {
                return Err(Error::argument(format!(
                    "the parameter {name:?} has shape {:?} here and {:?} among the values to load",
                    var.dims(),
                    value.dims()
                )));
            }
            pairs.push((var, value.to_dtype(var.dtype())?.to_device(var.device())?));
        }
        for (var, value) in pairs {
            var.set(&value)?;
        }
        Ok(())
    }

    fn names(&self) -> String {
        self.vars.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Whether no number of a tensor is NaN or infinite.
pub(crate) fn finite(tensor: &Tensor) -> candle_core::Result<bool> {
    // A sum of absolute values is NaN or infinite when one of them is; float64 keeps a finite one from overflowing.
    Ok(tensor.to_dtype(DType::F64)?.abs()?.sum_all()?.to_scalar::<f64>()?.is_finite())
}
