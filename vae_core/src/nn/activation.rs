//! The functions between layers.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::Result;

/// An elementwise nonlinearity; the shape stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0).
    #[default]
    Relu,
    /// x for x > 0, otherwise the slope times x.
    LeakyRelu(f64),
    /// tanh x.
    Tanh,
}

impl Activation {
    /// Applies the function to every element.
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Relu => x.relu()?,
            Self::LeakyRelu(slope) => candle_nn::ops::leaky_relu(x, slope)?,
            Self::Tanh => x.tanh()?,
        })
    }

    /// The name in a layer table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "ReLU",
            Self::LeakyRelu(_) => "LeakyReLU",
            Self::Tanh => "Tanh",
        }
    }
}
