//! A residual connection (He et al. 2016): y = x + f(x) for a stack f that keeps the shape.
//!
//! ```
//! use vae_core::{candle::{DType, Device, Tensor}, nn::*, random::Random};
//!
//! let (mut params, mut random, cpu) = (Params::new(), Random::new(0), Device::Cpu);
//! let mut linear = |name, inputs, outputs| Linear::new(&mut params, name, inputs, outputs, &mut random, &cpu);
//! let block = Stack::new().push(linear("a", 8, 16)?, Activation::Relu).push(linear("b", 16, 8)?, None);
//! let stack = Stack::new().push(Residual::new(block), Activation::Relu).push(linear("c", 8, 3)?, None);
//! assert_eq!(stack.forward(&Tensor::zeros((5, 8), DType::F32, &cpu)?)?.dims(), [5, 3]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;

use super::{CustomLayer, Row, Stack};
use crate::{Error, Result};

/// x + f(x), the shape stays.
#[derive(Clone, Debug)]
pub struct Residual {
    stack: Stack,
}

impl Residual {
    /// Around `stack`, whose output must have the shape of its input.
    pub fn new(stack: Stack) -> Self {
        Self { stack }
    }
}

impl CustomLayer for Residual {
    fn name(&self) -> &'static str {
        "Residual"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let shapes = self.stack.shapes(input)?;
        match shapes.last() {
            Some(output) if output != input => Err(Error::Shape {
                what: "output of the layers of a residual connection, without the batch",
                expected: format!("{input:?}, that of their input"),
                got: output.clone(),
            }),
            _ => Ok(input.to_vec()),
        }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok((x + self.stack.forward(x)?)?)
    }

    /// The layers inside, then the sum.
    fn rows(&self, input: &[usize]) -> Result<Vec<Row>> {
        let mut rows = self.stack.rows(input)?;
        rows.push(Row { kind: self.name(), output: self.output_shape(input)?, parameters: vec![] });
        Ok(rows)
    }
}
