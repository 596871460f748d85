//! The architecture of a conditional VAE: a network, what it is conditioned on, who is told, and the prior.

use candle_core::{D, DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{
    ConditionalVae, ConvVaeConfig, MOST_LAYERS, MOST_WEIGHTS, MlpVaeConfig,
    networks::{Beside, Networks},
    open::Architecture,
};
use crate::{
    Error, Result,
    nn::{Activation, Linear, Params, Stack},
    ops::scalars,
    random::Random,
};

/// y is no wider, so that a batch of them fits into memory.
const WIDEST: usize = 1 << 16;

/// The architecture of a [`ConditionalVae`]. The default is 784–400–20, told the label of one of ten classes, with the prior N(0, I).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConditionalVaeConfig {
    /// Encoder and decoder, as they would be without y.
    pub network: Network,
    /// What y is.
    pub condition: Condition,
    /// The prior of the codes.
    pub prior: Prior,
    /// Which half takes y in.
    pub told: Told,
}

/// The layers of encoder and decoder, as they are without y.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Fully connected: y stands beside the pixels, and beside z.
    Mlp(MlpVaeConfig),
    /// Convolutions: y stands beside the features that the encoder's convolutions end in, and beside z.
    Conv(ConvVaeConfig),
}

/// What p(x|y) is conditioned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Labels below this number, (B,) of a whole-number type; the networks see them as rows of the identity ("one-hot").
    Classes(usize),
    /// Vectors of this width, (B, width): attributes, factors, another view. Best of about the size of the pixels, 0 to 1.
    Vector(usize),
}

/// The distribution of the codes before an item is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prior {
    /// p(z) = N(0, I), whatever y is.
    #[default]
    Standard,
    /// p(z|y) = N(μ(y), diag σ²(y)), learned with the rest (Sohn, Lee & Yan 2015).
    Learned {
        /// Widths of the hidden layers between y and both heads, with the network's activation; none makes μ and ln σ² linear
        /// in y, which for labels is a Gaussian of its own for each.
        hidden: Vec<usize>,
    },
}

/// Which half of the model takes y in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Both: q(z|x, y) and p(x|z, y).
    #[default]
    Both,
    /// The decoder alone: q(z|x) and p(x|z, y). Such an encoder works where y is not known.
    Decoder,
}

impl Default for Network {
    fn default() -> Self {
        Self::Mlp(MlpVaeConfig::default())
    }
}

impl From<MlpVaeConfig> for Network {
    fn from(config: MlpVaeConfig) -> Self {
        Self::Mlp(config)
    }
}

impl From<ConvVaeConfig> for Network {
    fn from(config: ConvVaeConfig) -> Self {
        Self::Conv(config)
    }
}

impl Network {
    fn weights(&self, beside: Beside) -> Result<u128> {
        Ok(match self {
            Self::Mlp(config) => config.weights()?.saturating_add(config.weights_beside(beside)),
            Self::Conv(config) => config.weights()?.saturating_add(config.weights_beside(beside)?),
        })
    }

    fn networks(&self, beside: Beside, random: &mut Random, device: &Device) -> Result<Networks> {
        match self {
            Self::Mlp(config) => config.networks(beside, random, device),
            Self::Conv(config) => config.networks(beside, random, device),
        }
    }

    fn latent(&self) -> usize {
        match self {
            Self::Mlp(config) => config.latent,
            Self::Conv(config) => config.latent,
        }
    }

    fn activation(&self) -> Activation {
        match self {
            Self::Mlp(config) => config.activation,
            Self::Conv(config) => config.activation,
        }
    }
}

impl Default for Condition {
    /// The labels of ten classes.
    fn default() -> Self {
        Self::Classes(10)
    }
}

impl Condition {
    /// How many numbers the networks see of one y.
    pub fn width(self) -> usize {
        match self {
            Self::Classes(width) | Self::Vector(width) => width,
        }
    }

    /// y as the networks see it, of this type and on this device: (B, width).
    pub(super) fn rows(self, y: &Tensor, dtype: DType, device: &Device) -> Result<Tensor> {
        let (what, expected, fits) = match self {
            Self::Classes(_) => ("labels", "(batch,)".to_string(), y.rank() == 1),
            Self::Vector(width) => {
                ("y of a conditional VAE", format!("(batch, {width})"), y.rank() == 2 && y.dims()[1] == width)
            }
        };
        if !fits || y.elem_count() == 0 {
            return Err(Error::Shape { what, expected, got: y.dims().to_vec() });
        }
        let y = y.to_device(device)?;
        match self {
            Self::Classes(classes) => one_hot(&y, classes, dtype),
            Self::Vector(_) => Ok(y.to_dtype(dtype)?),
        }
    }
}

/// The rows of the identity that labels stand for: (B,) → (B, classes).
fn one_hot(labels: &Tensor, classes: usize, dtype: DType) -> Result<Tensor> {
    if !matches!(labels.dtype(), DType::U8 | DType::U32 | DType::I64) {
        let got = labels.dtype();
        return Err(Error::argument(format!("labels: expected a type of whole numbers, U8, U32 or I64, got {got:?}")));
    }
    if let Some(ends) = scalars::at_hand(&[labels.min_all()?, labels.max_all()?])?
        && let Some(label) = ends.into_iter().find(|&label| !(0.0..classes as f64).contains(&label))
    {
        let last = classes - 1;
        return Err(Error::argument(format!(
            "the label {label}: expected 0 to {last}, as there are {classes} classes"
        )));
    }
    let every = Tensor::arange(0, classes as i64, labels.device())?.unsqueeze(0)?;
    let rows = labels.to_dtype(DType::I64)?.unsqueeze(1)?.broadcast_eq(&every)?.to_dtype(dtype)?;
    // On a device the range is not asked for, since that would wait for all work before: a row without a 1 becomes NaN, which
    // training and scores refuse.
    Ok(rows.broadcast_div(&rows.sum_keepdim(D::Minus1)?)?)
}

impl Prior {
    fn check(&self) -> Result<()> {
        let Self::Learned { hidden } = self else { return Ok(()) };
        if hidden.len() > MOST_LAYERS {
            let layers = hidden.len();
            return Err(Error::argument(format!("a prior has at most {MOST_LAYERS} hidden layers, got {layers}")));
        }
        if hidden.contains(&0) {
            return Err(Error::argument("a hidden width of a prior must be 1 or more, got 0"));
        }
        Ok(())
    }

    fn weights(&self, width: usize, latent: usize) -> u128 {
        let Self::Learned { hidden } = self else { return 0 };
        let outputs = hidden.iter().map(|&width| width as u128).chain([2 * latent as u128]);
        let inputs = [width].into_iter().chain(hidden.iter().copied());
        let product = |(inputs, outputs): (usize, u128)| outputs.saturating_mul(inputs as u128);
        inputs.zip(outputs).map(product).fold(0, u128::saturating_add)
    }
}

impl ConditionalVaeConfig {
    /// How much of y either half sees.
    fn beside(&self) -> Beside {
        let width = self.condition.width();
        Beside { encoder: if self.told == Told::Both { width } else { 0 }, decoder: width }
    }

    /// The number of weights, biases left out, found without making any.
    pub(super) fn weights(&self) -> Result<u128> {
        let width = self.condition.width();
        if !(1..=WIDEST).contains(&width) {
            let what = if matches!(self.condition, Condition::Classes(_)) { "classes" } else { "the width of y" };
            return Err(Error::argument(format!("{what} of a ConditionalVae must be 1 to {WIDEST}, got {width}")));
        }
        self.prior.check()?;
        let own = self.prior.weights(width, self.network.latent());
        let total = self.network.weights(self.beside())?.saturating_add(own);
        if total <= MOST_WEIGHTS {
            return Ok(total);
        }
        Err(Error::argument(format!(
            "this ConditionalVae would have {total} weights, more than {MOST_WEIGHTS}; make its layers or y smaller"
        )))
    }

    /// Encoder and decoder, and the layers from y to the prior, with weights drawn from `random`.
    pub(super) fn layers(&self, random: &mut Random, device: &Device) -> Result<(Networks, Option<Stack>)> {
        let mut networks = self.network.networks(self.beside(), random, device)?;
        let Prior::Learned { hidden } = &self.prior else { return Ok((networks, None)) };
        let params: &mut Params = &mut networks.params;
        let mut linear = |name: String, inputs, outputs| Linear::new(params, &name, inputs, outputs, random, device);
        let (mut prior, mut width) = (Stack::new(), self.condition.width());
        for (i, &next) in hidden.iter().enumerate() {
            prior = prior.push(linear(format!("prior.fc{}", i + 1), width, next)?, self.network.activation());
            width = next;
        }
        let mu = linear("prior.fc_mu".into(), width, self.network.latent())?;
        let log_var = linear("prior.fc_logvar".into(), width, self.network.latent())?;
        Ok((networks, Some(prior.heads(mu, log_var))))
    }
}

/// What a file holds of a model: the architecture, and what the model was given, so that p(x|y) comes back as p(x|y).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    #[serde(flatten)]
    pub(super) config: ConditionalVaeConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) given: Option<Vec<Vec<f32>>>,
}

impl Architecture for Stored {
    const KIND: &str = "conditional";
    type Model = ConditionalVae;

    fn weights(&self) -> Result<u128> {
        self.config.weights()
    }

    fn model(self, device: &Device) -> Result<ConditionalVae> {
        let width = self.config.condition.width();
        let vae = ConditionalVae::new(self.config, device, 0)?;
        let Some(rows) = self.given else { return Ok(vae) };
        if rows.is_empty() || rows.iter().any(|row| row.len() != width) {
            return Err(Error::argument(format!("what its model was given: expected rows of {width} numbers")));
        }
        let y = Tensor::from_vec(rows.concat(), (rows.len(), width), device)?;
        Ok(vae.with_rows(y))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::models::{Vae, build};

    /// The number of weights that is held against a file's is that of the model, biases left out.
    #[test]
    fn weights_are_counted() {
        let mlp = |hidden: &[usize]| MlpVaeConfig {
            image: (1, 3, 4),
            hidden: hidden.into(),
            latent: 2,
            ..Default::default()
        };
        let conv = ConvVaeConfig::mirrored((1, 6, 4), &[(3, 2), (4, 1)], 2).unwrap();
        for network in [mlp(&[]).into(), mlp(&[5]).into(), mlp(&[7, 6, 5]).into(), Network::Conv(conv)] {
            for prior in [Prior::Standard, Prior::Learned { hidden: vec![] }, Prior::Learned { hidden: vec![8, 9] }] {
                for told in [Told::Both, Told::Decoder] {
                    let (network, prior) = (network.clone(), prior.clone());
                    let config = ConditionalVaeConfig { network, condition: Condition::Vector(3), prior, told };
                    let vae = ConditionalVae::new(config.clone(), &Device::Cpu, 1).unwrap();
                    let weights = vae.params().iter().filter(|(name, _)| name.ends_with("weight"));
                    let weights: usize = weights.map(|(_, var)| var.elem_count()).sum();
                    assert_eq!(config.weights().unwrap(), weights as u128, "{config:?}");
                }
            }
        }
    }

    /// Labels become rows of the identity, whatever their type, also where there are more classes than it counts.
    #[test]
    fn labels_are_rows_of_the_identity() {
        for (classes, dtype) in [(4, DType::U32), (4, DType::I64), (300, DType::U8)] {
            let labels = Tensor::new(&[3u32, 0, 3], &Device::Cpu).unwrap();
            let eye = Tensor::eye(classes, DType::F32, &Device::Cpu).unwrap().index_select(&labels, 0).unwrap();
            let rows = Condition::Classes(classes).rows(&labels.to_dtype(dtype).unwrap(), DType::F32, &Device::Cpu);
            assert_eq!(rows.unwrap().to_vec2::<f32>().unwrap(), eye.to_vec2::<f32>().unwrap());
        }
    }

    /// Whatever a file says of a model, the answer is a model or an error, and no gigabytes are made.
    #[test]
    fn hostile_configurations_are_refused() {
        let good = ConditionalVae::new(ConditionalVaeConfig::default(), &Device::Cpu, 1).unwrap();
        let most = good.params().count() as u128;
        let answer = |path: &[&str], value: Value| {
            let mut stored = good.config();
            let place = path.iter().fold(&mut stored["config"], |place, name| &mut place[*name]);
            *place = value;
            build(&stored, most, &Device::Cpu).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(answer(&["condition"], json!({ "classes": 10 })), Ok(()));
        let huge = u64::MAX;
        for (path, value, words) in [
            (&["condition"][..], json!({ "classes": 0 }), "classes of a ConditionalVae must be 1 to 65536, got 0"),
            (&["condition"], json!({ "classes": huge }), "must be 1 to 65536"),
            (&["condition"], json!({ "vector": 65_537 }), "the width of y of a ConditionalVae must be 1 to 65536"),
            (&["condition"], json!({ "vector": 60_000 }), "numbers"),
            (&["condition"], json!({ "classes": -1 }), "cannot be read"),
            (&["condition"], json!("digits"), "cannot be read"),
            (&["network"], json!({ "transformer": {} }), "cannot be read"),
            (&["network", "mlp", "latent"], json!(huge), "weights"),
            (&["network", "mlp", "latent"], json!(0), "latent of an MlpVae must be 1 or more"),
            (&["network", "mlp", "hidden"], json!([huge, huge]), "weights"),
            (&["prior"], json!({ "learned": { "hidden": [0] } }), "a hidden width of a prior must be 1 or more"),
            (&["prior"], json!({ "learned": { "hidden": [huge, huge, huge] } }), "weights, more than"),
            (&["prior"], json!({ "learned": { "hidden": [1_000_000] } }), "numbers"),
            (&["prior"], json!({ "learned": { "hidden": vec![1; 1001] } }), "at most 1000 hidden layers"),
            (&["told"], json!("nobody"), "cannot be read"),
            (&["given"], json!([]), "expected rows of 10 numbers"),
            (&["given"], json!([[1.0, 2.0]]), "expected rows of 10 numbers"),
            (&["given"], json!([[]]), "expected rows of 10 numbers"),
            (&["given"], json!(7), "cannot be read"),
        ] {
            let said = answer(path, value.clone()).unwrap_err();
            assert!(said.contains(words), "{path:?} {value}: {said}");
        }
    }
}
