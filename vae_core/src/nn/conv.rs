//! Convolution: y[o, i, j] = b[o] + Σ_{c, u, v} w[o, c, u, v] · x[c, i·s + u·d − p, j·s + v·d − p].
//!
//! ```
//! use vae_core::{candle::{DType, Device, Tensor}, nn::{Conv2d, Conv2dConfig, Params}, random::Random};
//!
//! let mut params = Params::new();
//! let config = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(1, 32, 3) };
//! let layer = Conv2d::new(&mut params, "conv", config, &mut Random::new(0), &Device::Cpu)?;
//! let y = layer.forward(&Tensor::zeros((5, 1, 28, 28), DType::F32, &Device::Cpu)?)?;
//! assert_eq!(y.dims(), [5, 32, 14, 14]); // (28 + 2·1 − 3)/2 + 1
//! assert_eq!(params.count(), 32 * 1 * 3 * 3 + 32);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{Params, Stack, init::weight_and_bias};
use crate::{
    Error, Result,
    ops::{
        convolution::{Direction, Geometry},
        stack::Kind,
    },
    random::Random,
};

/// The shape of a convolution with a square window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2dConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Side of the window k, in pixels.
    pub kernel: usize,
    /// Step of the window s, in pixels.
    pub stride: usize,
    /// Zeros on each side of the input p, in pixels.
    pub padding: usize,
    /// Distance between the window's pixels d; 1 for a window without holes.
    pub dilation: usize,
}

impl Conv2dConfig {
    /// Stride 1, no padding, no holes.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self { in_channels, out_channels, kernel, stride: 1, padding: 0, dilation: 1 }
    }

    /// (height, width) of the output for that of the input: ⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1.
    ///
    /// # Errors
    /// [`Error::Argument`] with the arithmetic when the window does not fit.
    pub fn output_size(&self, (height, width): (usize, usize)) -> Result<(usize, usize)> {
        self.check()?;
        let Self { kernel, stride, padding, dilation, .. } = *self;
        let reach = dilation * (kernel - 1) + 1;
        let side = |n: usize| match (n + 2 * padding).checked_sub(reach) {
            Some(room) if n > 0 => Ok(room / stride + 1),
            _ => Err(Error::argument(format!(
                "a convolution's window of {reach} pixels ({dilation}·({kernel} − 1) + 1) does not fit {n} pixels with \
                 {padding} zeros on each side ({n} + 2·{padding} = {}); use a smaller kernel or more padding",
                n + 2 * padding
            ))),
        };
        Ok((side(height)?, side(width)?))
    }

    fn check(&self) -> Result<()> {
        let Self { in_channels, out_channels, kernel, stride, dilation, .. } = *self;
        positive("a convolution", &[in_channels, out_channels, kernel, stride, dilation])
    }
}

/// Refuses a size of 0 among channels, kernel, stride and dilation, in that order.
pub(super) fn positive(what: &str, sizes: &[usize; 5]) -> Result<()> {
    let names = ["in_channels", "out_channels", "kernel", "stride", "dilation"];
    match sizes.iter().zip(names).find(|(size, _)| **size == 0) {
        Some((_, name)) => Err(Error::argument(format!("{name} of {what} must be 1 or more, got 0"))),
        None => Ok(()),
    }
}

/// A convolution; weight (out, in, k, k) and bias (out,), as in PyTorch.
#[derive(Clone, Debug)]
pub struct Conv2d {
    config: Conv2dConfig,
    /// Weight and bias.
    pub(super) parameters: [Tensor; 2],
}

impl Conv2d {
    /// A layer whose parameters `{name}.weight` and `{name}.bias` are drawn from U(−1/√(in·k²), 1/√(in·k²)), PyTorch's
    /// default, and registered in `params`.
    ///
    /// # Errors
    /// [`Error::Argument`] for channels, a kernel, a stride or a dilation of 0.
    pub fn new(
        params: &mut Params,
        name: &str,
        config: Conv2dConfig,
        random: &mut Random,
        device: &Device,
    ) -> Result<Self> {
        config.check()?;
        let Conv2dConfig { in_channels, out_channels, kernel, .. } = config;
        let shape = [out_channels, in_channels, kernel, kernel];
        let fan_in = in_channels * kernel * kernel;
        let parameters = weight_and_bias(params, name, (&shape, out_channels), fan_in, random, device)?;
        Ok(Self { config, parameters })
    }

    /// (B, in, H, W) → (B, out, H', W') with the size of [`Conv2dConfig::output_size`].
    ///
    /// # Errors
    /// [`Error::Shape`] for other channels, [`Error::Argument`] when the window does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Stack::new().push(self.clone(), None).forward(x)
    }

    /// The shape of its window.
    pub(crate) fn config(&self) -> Conv2dConfig {
        self.config
    }

    /// Weight (out, in, k, k) and bias (out,).
    pub(crate) fn parameters(&self) -> &[Tensor; 2] {
        &self.parameters
    }

    /// (out, H', W') for (in, H, W), both without the batch.
    pub(super) fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let Conv2dConfig { in_channels, out_channels, .. } = self.config;
        match *input {
            [c, h, w] if c == in_channels => {
                let (h, w) = self.config.output_size((h, w))?;
                Ok(vec![out_channels, h, w])
            }
            _ => Err(Error::Shape {
                what: "input of a convolution, without the batch",
                expected: format!("({in_channels}, height, width)"),
                got: input.to_vec(),
            }),
        }
    }

    /// The operation between images of these shapes, without the batch.
    pub(super) fn kind(&self, input: &[usize], output: &[usize]) -> Kind {
        let Conv2dConfig { in_channels, out_channels, kernel, stride, padding, dilation, .. } = self.config;
        let geometry = Geometry {
            big: (input[1], input[2]),
            small: (output[1], output[2]),
            big_channels: in_channels,
            small_channels: out_channels,
            kernel,
            stride,
            padding,
            dilation,
        };
        Kind::Convolution(geometry, Direction::Down)
    }
}
