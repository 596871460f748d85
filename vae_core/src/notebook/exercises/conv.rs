//! The exercises of notebook 04, Convolutional VAE.

use candle_core::Device;

use super::Exercise;
use crate::models::{ConvVae, ConvVaeConfig, Vae};

/// 1 · The side of a transposed convolution's output, of (n, kernel, stride, padding, output padding).
pub fn side(answer: impl Fn(usize, usize, usize, usize, usize) -> usize) {
    let cases = [(7, 3, 2, 1, 0), (7, 3, 2, 1, 1), (13, 3, 2, 0, 0), (27, 4, 1, 1, 0)];
    let with =
        |f: &dyn Fn(usize, usize, usize, usize, usize) -> usize| cases.map(|(n, k, s, p, o)| f(n, k, s, p, o) as f64);
    Exercise::new("sides")
        .slip("the last of n windows begins at (n − 1) s, not at n s", with(&|n, k, s, p, o| n * s + k + o - 2 * p))
        .slip("the padding is cut off on both sides", with(&|n, k, s, p, o| (n - 1) * s + k + o - p))
        .slip("the output padding is missing", with(&|n, k, s, p, _| (n - 1) * s + k - 2 * p))
        .check(with(&answer), with(&|n, k, s, p, o| (n - 1) * s + k + o - 2 * p));
}

/// 2 · The receptive field after layers of (kernel, stride), the first first.
pub fn receptive_field(answer: impl Fn(&[(usize, usize)]) -> usize) {
    let cases: [&[(usize, usize)]; 3] =
        [&[(3, 1), (3, 2), (3, 2), (3, 1)], &[(4, 2), (4, 2)], &[(5, 3), (3, 1), (2, 2)]];
    let field = |layers: &[(usize, usize)], own: bool, ones: bool| {
        let (mut field, mut step) = (1, 1);
        for (kernel, stride) in layers {
            step *= if own { *stride } else { 1 };
            field += (kernel - 1) * if ones { 1 } else { step };
            step *= if own { 1 } else { *stride };
        }
        field as f64
    };
    Exercise::new("receptive field")
        .slip("strides widen what later layers see", cases.map(|layers| field(layers, false, true)))
        .slip(
            "a layer's own stride widens what comes after it, not what it sees itself",
            cases.map(|layers| field(layers, true, false)),
        )
        .check(cases.map(|layers| answer(layers) as f64), cases.map(|layers| field(layers, false, false)));
}

/// 3 · The parameters of `ConvVaeConfig::mirrored((1, 28, 28), &[(16, 2), (32, 2)], 10)`.
pub fn parameters(answer: usize) {
    let network = ConvVaeConfig::mirrored((1, 28, 28), &[(16, 2), (32, 2)], 10)
        .and_then(|config| ConvVae::new(config, &Device::Cpu, 0));
    let right = network.map_or(f64::NAN, |vae| vae.params().count() as f64);
    Exercise::new("parameters")
        .slip(
            "each filter has a bias, and so has each number of a linear layer",
            right - (16.0 + 32.0 + 20.0 + 1568.0 + 16.0 + 1.0),
        )
        .slip("there are two heads, one for μ and one for ln σ²", right - 15_690.0)
        .check(answer as f64, right);
}

/// 4 · The effective β of BCE averaged over 784 pixels plus the KL averaged over 64 latent dimensions, both averaged over a batch of 100.
pub fn effective_beta(answer: f64) {
    Exercise::new("effective β")
        .slip("that is for a KL summed over dimensions and batch", 78_400.0)
        .slip("that is for a KL summed over dimensions; here it is their mean", 784.0)
        .slip("that is its inverse", 64.0 / 784.0)
        .check(answer, 784.0 / 64.0);
}
