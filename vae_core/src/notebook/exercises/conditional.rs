//! The exercises of notebook 08, Conditional VAE.

use candle_core::{DType, Device, Tensor};

use super::Exercise;
use crate::{
    Error, Result,
    models::{ConditionalVae, ConditionalVaeConfig, MlpVae, MlpVaeConfig, Vae},
};

/// 1 · Labels as rows of the identity: (B,) of u32 → (B, 10) of f32.
pub fn one_hot(answer: impl Fn(&Tensor) -> Result<Tensor>) {
    let labels = [3u32, 1, 4, 1, 5, 8];
    let rows = |labels: [u32; 6]| -> Result<Tensor> {
        Ok(Tensor::eye(10, DType::F32, &Device::Cpu)?.index_select(&Tensor::new(&labels, &Device::Cpu)?, 0)?)
    };
    let as_numbers = |rows: Tensor| match rows.dtype() {
        DType::F32 => Ok(rows),
        other => Err(Error::argument(format!("a layer takes numbers of type F32, and these are of type {other:?}"))),
    };
    Exercise::new("labels as rows of the identity")
        .slip("labels are counted from 0, places too", rows(labels.map(|label| label + 1)))
        .slip("labels are counted from 0, places too", rows(labels.map(|label| label - 1)))
        .slip("the 1 and the 0 have changed places", rows(labels).and_then(|rows| Ok((1.0 - rows)?)))
        .check(
            Tensor::new(&labels, &Device::Cpu).map_err(Error::from).and_then(|y| answer(&y)).and_then(as_numbers),
            rows(labels),
        );
}

/// 2 · What a label is worth in nats that can be read, with three classes of probability ½, ¼ and ¼.
pub fn worth(answer: f64) {
    let bits = 0.5 + 2.0 * 0.5;
    Exercise::new("nats that the label is worth")
        .slip("that is for three classes that are equally frequent", 3f64.ln())
        .slip("those are bits", bits)
        .slip("−log p of a class counts as often as the class comes", 5.0 * 2f64.ln())
        .within(0.005)
        .check(answer, bits * 2f64.ln());
}

/// 3 · How many parameters a label of ten classes costs the 784–400–400–20 model, where both halves are told.
pub fn parameters(answer: f64) {
    let cost = || -> Result<f64> {
        let network = MlpVaeConfig { hidden: vec![400, 400], latent: 20, ..Default::default() };
        let plain = MlpVae::new(network.clone(), &Device::Cpu, 0)?;
        let told = ConditionalVaeConfig { network: network.into(), ..Default::default() };
        let told = ConditionalVae::new(told, &Device::Cpu, 0)?;
        Ok((told.params().count() - plain.params().count()) as f64)
    };
    Exercise::new("parameters that the label costs")
        .slip("a new column is as long as the layer's output, not as its input", 10.0 * (784.0 + 20.0))
        .slip("that is one half of the model, and both are told", 10.0 * 400.0)
        .slip("only the first layer of each half sees the label", 10.0 * (4.0 * 400.0 + 2.0 * 20.0 + 784.0))
        .check(answer, cost());
}

/// 4 · What a label is worth in nats that cannot always be read: x is N(1, 1) or N(−1, 1), each half of the time.
pub fn blurred_label(answer: f64) {
    // ln p(x|y) − ln p(x) = ln 2 − ln(1 + e^−2x) for y = 1; the other label is its mirror image.
    let (step, steps) = (0.005, -1600..=1600);
    let at = |i: i32| {
        let e = f64::from(i) * step;
        let density = (-0.5 * e * e).exp() / std::f64::consts::TAU.sqrt();
        step * density * (2f64.ln() - (-2.0 * (1.0 + e)).exp().ln_1p())
    };
    let nats: f64 = steps.map(at).sum();
    Exercise::new("nats that a blurred label is worth")
        .slip("that is for a label that can always be read", 2f64.ln())
        .slip("those are bits", nats / 2f64.ln())
        .slip("that takes p(x) for a Gaussian; it is a mixture of two", 0.5 * 2f64.ln())
        .slip("that is the KL from one label's density to the other's; p(x) has both", 2.0)
        .within(0.01)
        .check(answer, nats);
}
