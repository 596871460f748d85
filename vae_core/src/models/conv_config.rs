//! The architecture of a convolutional VAE, and the arithmetic of its shapes.

use candle_core::Device;
use serde::{Deserialize, Serialize};

use super::{ConvVae, MOST_LAYERS, MOST_WEIGHTS, Observation, open::Architecture};
use crate::{
    Error, Result,
    nn::{Activation, Conv2dConfig, ConvTranspose2dConfig},
};

/// No number of a configuration is larger, so that products of a few of them fit.
const LARGEST: usize = 1 << 16;
/// No layer makes more numbers of one image, 1 GiB as floats.
const MOST_VALUES: u128 = 1 << 28;

/// Channels, height and width.
pub(super) type Shape = (usize, usize, usize);

/// The architecture of a [`ConvVae`](super::ConvVae).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConvVaeConfig {
    /// (channels, height, width) of an image.
    pub image: (usize, usize, usize),
    /// The encoder's convolutions, first to last; each takes the channels that the one before gives.
    pub encoder: Vec<Conv2dConfig>,
    /// D, the dimension of the latent space.
    pub latent: usize,
    /// The decoder's transposed convolutions; the first takes the encoder's last shape, the last gives the image's.
    pub decoder: Vec<ConvTranspose2dConfig>,
    /// Between the convolutions.
    pub activation: Activation,
    /// What the decoder's output means.
    pub observation: Observation,
}

impl Default for ConvVaeConfig {
    /// A well-known tutorial's network for 28×28 grey images: 1–32–64–72–64 channels by 3×3 convolutions of strides 1,
    /// 2, 2, 1, 64 latent dimensions, and back by transposed ones with sides 7 → 7 → 13 → 27 → 28; LeakyReLU with slope
    /// 0.01; Bernoulli pixels.
    fn default() -> Self {
        let down = |from, to, stride| Conv2dConfig { stride, padding: 1, ..Conv2dConfig::new(from, to, 3) };
        let up = |from, to, kernel, stride, padding| ConvTranspose2dConfig {
            stride,
            padding,
            ..ConvTranspose2dConfig::new(from, to, kernel)
        };
        Self {
            image: (1, 28, 28),
            encoder: vec![down(1, 32, 1), down(32, 64, 2), down(64, 72, 2), down(72, 64, 1)],
            latent: 64,
            decoder: vec![up(64, 64, 3, 1, 1), up(64, 72, 3, 2, 1), up(72, 32, 3, 2, 0), up(32, 1, 4, 1, 1)],
            activation: Activation::LeakyRelu(0.01),
            observation: Observation::Bernoulli,
        }
    }
}

impl ConvVaeConfig {
    /// 3×3 convolutions with padding 1, one for each (channels, stride), and a decoder that mirrors them: each
    /// transposed convolution comes back to the size that its convolution started from, by an output padding of (height
    /// − 1) mod stride. Activation and observation are the default's.
    ///
    /// # Errors
    /// [`Error::Argument`] for a channel number, stride or side of 0, and where height and width would need two
    /// different output paddings: the message shows the decoder's sizes layer by layer.
    pub fn mirrored(image: (usize, usize, usize), layers: &[(usize, usize)], latent: usize) -> Result<Self> {
        Self { image, latent, encoder: vec![], decoder: vec![], ..Default::default() }.numbers()?;
        let (mut channels, mut size) = (image.0, (image.1, image.2));
        let (mut encoder, mut decoder) = (vec![], vec![]);
        for &(next, stride) in layers {
            let down = Conv2dConfig { stride, padding: 1, ..Conv2dConfig::new(channels, next, 3) };
            let up = ConvTranspose2dConfig {
                stride,
                padding: 1,
                output_padding: size.0.saturating_sub(1) % stride.max(1),
                ..ConvTranspose2dConfig::new(next, channels, 3)
            };
            size = layer(encoder.len(), "encoder", down.output_size(size))?;
            channels = next;
            encoder.push(down);
            decoder.insert(0, up);
        }
        let config = Self { image, encoder, latent, decoder, ..Default::default() };
        config.shapes()?;
        Ok(config)
    }

    /// The shapes after each layer of the encoder and of the decoder, without the batch.
    ///
    /// # Errors
    /// [`Error::Argument`] with the arithmetic for layers that do not fit together.
    pub(super) fn shapes(&self) -> Result<(Vec<Shape>, Vec<Shape>)> {
        self.numbers()?;
        let mut shape = bounded(self.image)?;
        let mut encoder = Vec::with_capacity(self.encoder.len());
        for (i, conv) in self.encoder.iter().enumerate() {
            same_channels(i, "encoder", conv.in_channels, shape)?;
            let size = conv.output_size((shape.1, shape.2));
            shape = layer(i, "encoder", size.and_then(|(h, w)| bounded((conv.out_channels, h, w))))?;
            encoder.push(shape);
        }
        let start = shape;
        let mut decoder = Vec::with_capacity(self.decoder.len());
        for (i, conv) in self.decoder.iter().enumerate() {
            same_channels(i, "decoder", conv.in_channels, shape)?;
            let size = conv.output_size((shape.1, shape.2));
            shape = layer(i, "decoder", size.and_then(|(h, w)| bounded((conv.out_channels, h, w))))?;
            decoder.push(shape);
        }
        if shape != self.image {
            return Err(Error::argument(format!(
                "the decoder of a ConvVae ends at {} and not at the image's {}: {}; change a kernel, stride, padding \
                 or output padding",
                show(shape),
                show(self.image),
                self.path(start, &decoder)
            )));
        }
        Ok((encoder, decoder))
    }

    /// How a decoder gets from its first shape to its last.
    fn path(&self, start: Shape, shapes: &[Shape]) -> String {
        let mut path = format!("it starts at {}", show(start));
        let mut side = (start.1, start.2);
        for (i, (conv, &(c, h, w))) in self.decoder.iter().zip(shapes).enumerate() {
            let ConvTranspose2dConfig { kernel, stride, padding, output_padding, dilation, .. } = *conv;
            let sum =
                |n| format!("({n} − 1)·{stride} − 2·{padding} + {dilation}·({kernel} − 1) + {output_padding} + 1");
            let sums = if side.0 == side.1 { sum(side.0) } else { format!("{} and {}", sum(side.0), sum(side.1)) };
            path += &format!("; layer {}: {sums} makes {}", i + 1, show((c, h, w)));
            side = (h, w);
        }
        path
    }

    /// Refuses zeros, and numbers so large that their products would overflow.
    fn numbers(&self) -> Result<()> {
        let (c, h, w) = self.image;
        self.observation.check()?;
        let layers = self.encoder.len().max(self.decoder.len());
        if layers > MOST_LAYERS {
            return Err(Error::argument(format!(
                "either half of a ConvVae has at most {MOST_LAYERS} layers, got {layers}"
            )));
        }
        let image = [("channels", c), ("height", h), ("width", w), ("latent", self.latent)];
        if let Some((what, _)) = image.into_iter().find(|&(_, value)| value == 0) {
            return Err(Error::argument(format!("{what} of a ConvVae must be 1 or more, got 0")));
        }
        let encoder = self.encoder.iter().flat_map(|conv| {
            let Conv2dConfig { in_channels, out_channels, kernel, stride, padding, dilation } = *conv;
            [in_channels, out_channels, kernel, stride, padding, dilation]
        });
        let decoder = self.decoder.iter().flat_map(|conv| {
            let ConvTranspose2dConfig { in_channels, out_channels, kernel, stride, padding, output_padding, dilation } =
                *conv;
            [in_channels, out_channels, kernel, stride, padding, output_padding, dilation]
        });
        match image.into_iter().map(|(_, value)| value).chain(encoder).chain(decoder).find(|value| *value > LARGEST) {
            Some(value) => Err(Error::argument(format!("no number of a ConvVae may be above {LARGEST}, got {value}"))),
            None => Ok(()),
        }
    }
}

impl Architecture for ConvVaeConfig {
    const KIND: &str = "conv";
    type Model = ConvVae;

    fn weights(&self) -> Result<u128> {
        let (shapes, _) = self.shapes()?;
        let (c, h, w) = shapes.last().copied().unwrap_or(self.image);
        // No overflow: each number is at most `LARGEST`, and there are at most `MOST_LAYERS`.
        let wide = |n: usize| n as u128;
        let conv = |i, o, k| wide(i) * wide(o) * wide(k) * wide(k);
        let total: u128 = 3 * wide(c) * wide(h) * wide(w) * wide(self.latent)
            + self.encoder.iter().map(|l| conv(l.in_channels, l.out_channels, l.kernel)).sum::<u128>()
            + self.decoder.iter().map(|l| conv(l.in_channels, l.out_channels, l.kernel)).sum::<u128>();
        if total <= MOST_WEIGHTS {
            return Ok(total);
        }
        Err(Error::argument(format!(
            "this ConvVae would have {total} parameters, more than {MOST_WEIGHTS}; the linear layers between the \
             shape {} and {} codes have most of them where the strides leave it large",
            show((c, h, w)),
            self.latent
        )))
    }

    fn model(self, device: &Device) -> Result<ConvVae> {
        ConvVae::new(self, device, 0)
    }
}

/// Refuses sides from which the next layer's could overflow, and shapes of which not even one image fits into memory.
fn bounded((c, h, w): Shape) -> Result<Shape> {
    if h.max(w) > LARGEST {
        return Err(Error::argument(format!("its output would have {h}×{w} pixels, a side above {LARGEST}")));
    }
    let values = c as u128 * h as u128 * w as u128;
    if values > MOST_VALUES {
        let shape = show((c, h, w));
        return Err(Error::argument(format!("{shape} are {values} numbers for one image, more than {MOST_VALUES}")));
    }
    Ok((c, h, w))
}

/// Says which layer an error is about, counted from 1.
fn layer<T>(index: usize, half: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| Error::argument(format!("layer {} of the {half} of a ConvVae: {error}", index + 1)))
}

fn same_channels(index: usize, half: &str, takes: usize, shape: Shape) -> Result<()> {
    if takes == shape.0 {
        return Ok(());
    }
    let problem = format!("it takes {takes} channels, what comes is {}", show(shape));
    layer(index, half, Err(Error::argument(problem)))
}

fn show((c, h, w): Shape) -> String {
    format!("({c}, {h}, {w})")
}
