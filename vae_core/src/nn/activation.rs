//! The functions between layers.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, nn::Activation};
//!
//! let square = Activation::custom("Square", |x| Ok(x.sqr()?));
//! let x = Tensor::new(&[-1f64, 0., 3.], &Device::Cpu)?;
//! assert_eq!(square.forward(&x)?.to_vec1::<f64>()?, [1., 0., 9.]);
//! assert_eq!(Activation::Gelu.forward(&x)?.to_vec1::<f64>()?[1], 0.);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::fmt;

use candle_core::Tensor;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, Result, ops::activation::Activation as Fast};

/// An elementwise nonlinearity; the shape stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// max(x, 0).
    #[default]
    Relu,
    /// x for x > 0, otherwise the slope times x.
    LeakyRelu(f64),
    /// tanh x.
    Tanh,
    /// x Φ(x) with the exact Φ(x) = ½ (1 + erf(x/√2)), PyTorch's default; not the approximation by tanh (Hendrycks & Gimpel
    /// 2016).
    Gelu,
    /// x σ(x), also known as Swish.
    Silu,
    /// x for x > 0, otherwise α (eˣ − 1).
    Elu(f64),
    /// A function of one's own, see [`Activation::custom`].
    Custom(CustomActivation),
}

/// A function with the name that layer tables and files know it by; see [`Activation::custom`].
#[derive(Clone, Copy)]
pub struct CustomActivation {
    name: &'static str,
    forward: fn(&Tensor) -> Result<Tensor>,
}

impl Activation {
    /// A function of one's own, in candle's operations; the shape must stay. One with parameters, or with numbers that are
    /// known only when the program runs, is a [layer](super::CustomLayer).
    ///
    /// A model's file has its name. A program that knows the function builds the model and calls
    /// [`Vae::load`](crate::models::Vae::load); [`models::open`](crate::models::open) cannot, and says so.
    pub const fn custom(name: &'static str, forward: fn(&Tensor) -> Result<Tensor>) -> Self {
        Self::Custom(CustomActivation { name, forward })
    }

    /// Applies the function to every element.
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        if let Some(fast) = self.fast() {
            return fast.reference(x);
        }
        Ok(match self {
            Self::Relu => x.relu()?,
            Self::LeakyRelu(slope) => candle_nn::ops::leaky_relu(x, slope)?,
            Self::Tanh => x.tanh()?,
            // candle's `gelu_erf` has the same value, but a gradient of six digits.
            Self::Gelu => (x * (x / 2f64.sqrt())?.erf()?.affine(0.5, 0.5)?)?,
            Self::Silu => x.silu()?,
            Self::Elu(alpha) => x.elu(alpha)?,
            Self::Custom(custom) => custom.apply(x)?,
        })
    }

    /// The name in a layer table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "ReLU",
            Self::LeakyRelu(_) => "LeakyReLU",
            Self::Tanh => "Tanh",
            Self::Gelu => "GELU",
            Self::Silu => "SiLU",
            Self::Elu(_) => "ELU",
            Self::Custom(custom) => custom.name,
        }
    }

    /// What a layer can apply on its way, if it can.
    pub(super) fn fast(self) -> Option<Fast> {
        match self {
            Self::Relu => Fast::rectifier(0.0),
            Self::LeakyRelu(slope) => Fast::rectifier(slope),
            Self::Tanh => Some(Fast::Tanh),
            Self::Gelu | Self::Silu | Self::Elu(_) | Self::Custom(_) => None,
        }
    }
}

impl CustomActivation {
    fn apply(self, x: &Tensor) -> Result<Tensor> {
        let y = (self.forward)(x)?;
        if y.dims() == x.dims() {
            return Ok(y);
        }
        let (name, expected, got) = (self.name, x.dims(), y.dims());
        Err(Error::argument(format!(
            "the activation {name} must keep the shape {expected:?}, it returned {got:?}; a function that changes it is a layer"
        )))
    }
}

/// The name: a function has no better description.
impl fmt::Debug for CustomActivation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Equal names are the same function: its address may differ from one part of a program to another.
impl PartialEq for CustomActivation {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Serialize for CustomActivation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for CustomActivation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Err(de::Error::custom(format!(
            "its activation {name:?} is a function of the program that made it, which no file can hold; build the model with \
             that activation and call `load`"
        )))
    }
}
