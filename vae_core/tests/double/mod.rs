//! The models of this crate in float64: the same names and numbers, computed by candle's own operations.

use vae_core::prelude::*;

/// What happens to a tensor on its way; layers are called by name.
#[derive(Clone)]
pub(crate) enum Step {
    Linear(String),
    Conv(String, Conv2dConfig),
    Up(String, ConvTranspose2dConfig),
    Flatten,
    Unflatten(usize, usize, usize),
    Activation(Activation),
}

/// Copies of parameters in float64.
pub(crate) fn in_float64(params: &Params) -> Params {
    let mut double = Params::new();
    for (name, var) in params.iter() {
        double.register(name, Var::from_tensor(&var.to_dtype(DType::F64).unwrap()).unwrap()).unwrap();
    }
    double
}

pub(crate) fn forward(steps: &[Step], x: &Tensor, params: &Params) -> Result<Tensor> {
    let get = |name: &str, part: &str| params.get(&format!("{name}.{part}")).unwrap().as_tensor().clone();
    let mut x = x.clone();
    for step in steps {
        let bias = |name: &str| get(name, "bias").reshape((1, (), 1, 1));
        x = match step {
            Step::Linear(name) => x.matmul(&get(name, "weight").t()?)?.broadcast_add(&get(name, "bias"))?,
            Step::Conv(name, c) => {
                x.conv2d(&get(name, "weight"), c.padding, c.stride, c.dilation, 1)?.broadcast_add(&bias(name)?)?
            }
            Step::Up(name, c) => x
                .conv_transpose2d(&get(name, "weight"), c.padding, c.output_padding, c.stride, c.dilation)?
                .broadcast_add(&bias(name)?)?,
            Step::Flatten => x.flatten_from(1)?,
            &Step::Unflatten(c, h, w) => x.reshape(((), c, h, w))?,
            Step::Activation(activation) => activation.forward(&x)?,
        };
    }
    Ok(x)
}

/// A model of this crate, in float64.
pub(crate) struct Double {
    params: Params,
    encoder: Vec<Step>,
    heads: [&'static str; 2],
    decoder: Vec<Step>,
    observation: Observation,
    image: (usize, usize, usize),
    latent: usize,
}

impl Double {
    pub(crate) fn mlp(vae: &MlpVae, config: &MlpVaeConfig) -> Self {
        let hidden = |half: &str| -> Vec<Step> {
            let layer = |i| [Step::Linear(format!("{half}.fc{i}")), Step::Activation(config.activation)];
            (1..=config.hidden.len()).flat_map(layer).collect()
        };
        let (c, h, w) = config.image;
        let last = [Step::Linear(format!("decoder.fc{}", config.hidden.len() + 1)), Step::Unflatten(c, h, w)];
        Self {
            params: in_float64(vae.params()),
            encoder: [vec![Step::Flatten], hidden("encoder")].concat(),
            heads: ["encoder.fc_mu", "encoder.fc_logvar"],
            decoder: [hidden("decoder"), last.to_vec()].concat(),
            observation: config.observation,
            image: config.image,
            latent: config.latent,
        }
    }

    pub(crate) fn conv(vae: &ConvVae, config: &ConvVaeConfig) -> Self {
        // The activation stands between convolutions, not after the last.
        let between = |layers: Vec<Step>| -> Vec<Step> {
            let mut steps: Vec<Step> =
                layers.into_iter().flat_map(|layer| [layer, Step::Activation(config.activation)]).collect();
            steps.pop();
            steps
        };
        let encoder = config.encoder.iter().enumerate().map(|(i, &c)| Step::Conv(format!("encoder.{}", 2 * i), c));
        let decoder = config.decoder.iter().enumerate().map(|(i, &c)| Step::Up(format!("decoder.{}", 2 * i + 2), c));
        let (c, h, w) = config.image;
        let shapes = vae.encoder().shapes(&[c, h, w]).unwrap();
        let start = &shapes[config.encoder.len() - 1];
        let first = [Step::Linear("decoder.0".into()), Step::Unflatten(start[0], start[1], start[2])];
        Self {
            params: in_float64(vae.params()),
            encoder: [between(encoder.collect()), vec![Step::Flatten]].concat(),
            heads: ["z_mean", "z_log_var"],
            decoder: [first.to_vec(), between(decoder.collect())].concat(),
            observation: config.observation,
            image: config.image,
            latent: config.latent,
        }
    }
}

impl Vae for Double {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        let h = forward(&self.encoder, x, &self.params)?;
        let [mu, log_var] = self.heads.map(|head| forward(&[Step::Linear(head.into())], &h, &self.params));
        Ok(Box::new(DiagonalGaussian::new(mu?, log_var?)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        let output = forward(&self.decoder, z, &self.params)?;
        Ok(match self.observation {
            Observation::Bernoulli => Box::new(Bernoulli::new(output)?),
            Observation::ContinuousBernoulli => Box::new(ContinuousBernoulli::new(output)?),
            Observation::Gaussian { variance } => Box::new(Gaussian::fixed(output, variance)?),
            Observation::GaussianLearned => {
                let log_var = self.params.get("decoder.log_var").unwrap().as_tensor().clone();
                Box::new(Gaussian::learned(output, log_var)?)
            }
        })
    }

    fn latent(&self) -> usize {
        self.latent
    }

    fn shape(&self) -> Shape {
        self.image.into()
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn config(&self) -> vae_core::serde_json::Value {
        vae_core::serde_json::Value::Null
    }
}
