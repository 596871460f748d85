//! Transposed convolution, the one that a convolution's gradient is:
//! y[o, i·s + u·d − p, j·s + v·d − p] += w[c, o, u, v] · x[c, i, j], and the bias b[o] everywhere.
//!
//! ```
//! use vae_core::{candle::{DType, Device, Tensor}, nn::{ConvTranspose2d, ConvTranspose2dConfig, Params}, random::Random};
//!
//! let mut params = Params::new();
//! let config = ConvTranspose2dConfig { stride: 2, padding: 1, output_padding: 1, ..ConvTranspose2dConfig::new(64, 32, 3) };
//! let layer = ConvTranspose2d::new(&mut params, "up", config, &mut Random::new(0), &Device::Cpu)?;
//! let y = layer.forward(&Tensor::zeros((5, 64, 7, 7), DType::F32, &Device::Cpu)?)?;
//! assert_eq!(y.dims(), [5, 32, 14, 14]); // (7 − 1)·2 − 2·1 + 3 + 1
//! assert_eq!(params.count(), 64 * 32 * 3 * 3 + 32);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{Params, Stack, conv::positive, init::weight_and_bias};
use crate::{
    Error, Result,
    ops::{
        convolution::{Direction, Geometry},
        stack::Kind,
    },
    random::Random,
};

/// The shape of a transposed convolution with a square window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvTranspose2dConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Side of the window k, in pixels.
    pub kernel: usize,
    /// Distance s between the windows of neighbouring input pixels.
    pub stride: usize,
    /// Pixels p that are cut off on each side of the output.
    pub padding: usize,
    /// Pixels that are added at the bottom and the right of the output: which of the sizes that a strided convolution maps
    /// to the same one is meant.
    pub output_padding: usize,
    /// Distance between the window's pixels d; 1 for a window without holes.
    pub dilation: usize,
}

impl ConvTranspose2dConfig {
    /// Stride 1, nothing cut off or added, no holes.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Self { in_channels, out_channels, kernel, stride: 1, padding: 0, output_padding: 0, dilation: 1 }
    }

    /// (height, width) of the output for that of the input: (n − 1)s − 2p + d(k − 1) + output_padding + 1.
    ///
    /// # Errors
    /// [`Error::Argument`] with the arithmetic when nothing is left, and for an output padding that is neither below the
    /// stride nor below the dilation.
    pub fn output_size(&self, (height, width): (usize, usize)) -> Result<(usize, usize)> {
        self.check()?;
        let Self { kernel, stride, padding, output_padding, dilation, .. } = *self;
        let side = |n: usize| {
            let full = n.saturating_sub(1) * stride + dilation * (kernel - 1) + 1 + output_padding;
            match full.checked_sub(2 * padding) {
                Some(side) if side > 0 && n > 0 => Ok(side),
                _ => Err(Error::argument(format!(
                    "a transposed convolution of {n} pixels leaves nothing: ({n} − 1)·{stride} − 2·{padding} + \
                     {dilation}·({kernel} − 1) + {output_padding} + 1 is below 1; use less padding or a larger kernel"
                ))),
            }
        };
        Ok((side(height)?, side(width)?))
    }

    fn check(&self) -> Result<()> {
        let Self { in_channels, out_channels, kernel, stride, output_padding, dilation, .. } = *self;
        positive("a transposed convolution", &[in_channels, out_channels, kernel, stride, dilation])?;
        if output_padding > 0 && output_padding >= stride.max(dilation) {
            return Err(Error::argument(format!(
                "the output padding of a transposed convolution must be below its stride {stride} or its dilation \
                 {dilation}, got {output_padding}"
            )));
        }
        Ok(())
    }
}

/// A transposed convolution; weight (in, out, k, k) and bias (out,), as in PyTorch.
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    config: ConvTranspose2dConfig,
    /// Weight and bias.
    pub(super) parameters: [Tensor; 2],
}

impl ConvTranspose2d {
    /// A layer whose parameters `{name}.weight` and `{name}.bias` are drawn from U(−1/√(out·k²), 1/√(out·k²)), PyTorch's
    /// default, and registered in `params`.
    ///
    /// # Errors
    /// [`Error::Argument`] for channels, a kernel, a stride or a dilation of 0, and for too large an output padding.
    pub fn new(
        params: &mut Params,
        name: &str,
        config: ConvTranspose2dConfig,
        random: &mut Random,
        device: &Device,
    ) -> Result<Self> {
        config.check()?;
        let ConvTranspose2dConfig { in_channels, out_channels, kernel, .. } = config;
        let shape = [in_channels, out_channels, kernel, kernel];
        let fan_in = out_channels * kernel * kernel;
        let parameters = weight_and_bias(params, name, (&shape, out_channels), fan_in, random, device)?;
        Ok(Self { config, parameters })
    }

    /// (B, in, H, W) → (B, out, H', W') with the size of [`ConvTranspose2dConfig::output_size`].
    ///
    /// # Errors
    /// [`Error::Shape`] for other channels, [`Error::Argument`] when nothing would be left.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Stack::new().push(self.clone(), None).forward(x)
    }

    /// The shape of its window.
    pub(crate) fn config(&self) -> ConvTranspose2dConfig {
        self.config
    }

    /// Weight (in, out, k, k) and bias (out,).
    pub(crate) fn parameters(&self) -> &[Tensor; 2] {
        &self.parameters
    }

    /// (out, H', W') for (in, H, W), both without the batch.
    pub(super) fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let ConvTranspose2dConfig { in_channels, out_channels, .. } = self.config;
        match *input {
            [c, h, w] if c == in_channels => {
                let (h, w) = self.config.output_size((h, w))?;
                Ok(vec![out_channels, h, w])
            }
            _ => Err(Error::Shape {
                what: "input of a transposed convolution, without the batch",
                expected: format!("({in_channels}, height, width)"),
                got: input.to_vec(),
            }),
        }
    }

    /// The operation between images of these shapes, without the batch.
    pub(super) fn kind(&self, input: &[usize], output: &[usize]) -> Kind {
        let ConvTranspose2dConfig { in_channels, out_channels, kernel, stride, padding, dilation, .. } = self.config;
        let geometry = Geometry {
            big: (output[1], output[2]),
            small: (input[1], input[2]),
            big_channels: out_channels,
            small_channels: in_channels,
            kernel,
            stride,
            padding,
            dilation,
        };
        Kind::Convolution(geometry, Direction::Up)
    }
}
