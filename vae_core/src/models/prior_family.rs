//! The families of learned priors that a [`WithPrior`](super::WithPrior) can have.

use candle_core::{DType, Device, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::{LayerRow, MOST_LAYERS, MOST_WEIGHTS};
use crate::{
    Error, Result,
    distributions::{Conditioner, DiagonalGaussian, Distribution, Mixture, RealNvp},
    nn::{Activation, Linear, Params, Stack},
    random::Random,
};

/// A family of distributions p(z), of which one is learned with the model; see [`WithPrior`](super::WithPrior).
///
/// Not to be taken for [`Prior`](super::Prior), which says whether a conditional model has a Gaussian p(z|y) for each y: these know no y.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriorFamily {
    /// A [`Mixture`] of diagonal Gaussians with weights, means and variances of their own.
    Mixture {
        /// K, how many.
        components: usize,
    },
    /// The VampPrior (Tomczak & Welling 2018): the mixture, in equal parts, of the posteriors of pseudo-inputs, which are learned. The encoder has
    /// to know a Gaussian for each of them, and is trained by them, too.
    Vamp {
        /// K, how many pseudo-inputs; the paper has 500.
        components: usize,
    },
    /// A [`RealNvp`], a Gaussian bent by a flow (Dinh et al. 2017).
    RealNvp {
        /// How many couplings; an even number moves all dimensions equally often.
        couplings: usize,
        /// Widths of the hidden layers of each coupling's network, with ReLU between them.
        hidden: Vec<usize>,
    },
}

/// The standard deviation of the means of a mixture that was not trained; the variance of its parts is what is missing to 1.
const SPREAD: f64 = 0.5;

impl PriorFamily {
    /// Refuses what no prior can be made of, for codes of `latent` dimensions and items of so many numbers. Returns how many weights it
    /// has, biases left out, found without making any.
    pub(super) fn weights(&self, latent: usize, item: usize) -> Result<u128> {
        let wide = |x: usize| x as u128;
        let total = match self {
            Self::Mixture { components: 0 } | Self::Vamp { components: 0 } => {
                return Err(Error::argument("components of a prior must be 1 or more, got 0"));
            }
            Self::Mixture { components } => wide(*components).saturating_mul(2 * wide(latent) + 1),
            Self::Vamp { components } => wide(*components).saturating_mul(wide(item)),
            Self::RealNvp { couplings, hidden } => flow_weights(*couplings, hidden, latent)?,
        };
        if total <= MOST_WEIGHTS {
            return Ok(total);
        }
        Err(Error::argument(format!(
            "this prior would have {total} weights, more than {MOST_WEIGHTS}; make it smaller"
        )))
    }
}

/// Those of the couplings' networks.
fn flow_weights(couplings: usize, hidden: &[usize], latent: usize) -> Result<u128> {
    if latent < 2 {
        return Err(Error::argument(format!(
            "a RealNvp prior needs a latent space of 2 dimensions or more, got {latent}: its couplings take turns at two halves"
        )));
    }
    for (what, count) in [("couplings", couplings), ("hidden layers", hidden.len())] {
        if !(1..=MOST_LAYERS).contains(&count) {
            return Err(Error::argument(format!("{what} of a RealNvp prior must be 1 to {MOST_LAYERS}, got {count}")));
        }
    }
    if hidden.contains(&0) {
        return Err(Error::argument("a hidden width of a RealNvp prior must be 1 or more, got 0"));
    }
    let network = |i: usize| {
        let (kept, moved) = RealNvp::widths(i, latent);
        let widths = [kept].into_iter().chain(hidden.iter().copied()).chain([2 * moved]).map(|width| width as u128);
        let products = widths.clone().zip(widths.skip(1)).map(|(inputs, outputs)| inputs.saturating_mul(outputs));
        products.fold(0, u128::saturating_add)
    };
    let (even, odd) =
        (network(0).saturating_mul(couplings.div_ceil(2) as u128), network(1).saturating_mul(couplings as u128 / 2));
    Ok(even.saturating_add(odd))
}

/// The parameters of a prior, in the layers that compute with them.
#[derive(Clone, Debug)]
pub(super) enum Parts {
    /// (K, D) twice, and (K,).
    Mixture { mu: Tensor, log_var: Tensor, logits: Tensor },
    /// The pseudo-inputs, (K, …), or their logits.
    Vamp { raw: Tensor },
    /// The networks, first to last.
    RealNvp { couplings: Vec<Stack> },
}

impl Parts {
    /// Parts of `family`, drawn from `random` and registered in `params`, for codes of `latent` dimensions and items of that shape.
    pub(super) fn new(
        family: &PriorFamily,
        params: &mut Params,
        latent: usize,
        item: &[usize],
        random: &mut Random,
    ) -> Result<Self> {
        let (device, dtype) = (params.device().clone(), params.dtype());
        match family {
            PriorFamily::Mixture { components } => {
                let mu = random.normal((*components, latent), &device)?.affine(SPREAD, 0.0)?;
                let log_var = mu.zeros_like()?.affine(1.0, (1.0 - SPREAD * SPREAD).ln())?;
                let logits = Tensor::zeros(*components, DType::F32, &device)?;
                let mut register =
                    |name: &str, x: &Tensor| params.register(name, Var::from_tensor(&x.to_dtype(dtype)?)?);
                Ok(Self::Mixture {
                    mu: register("prior.mu", &mu)?,
                    log_var: register("prior.log_var", &log_var)?,
                    logits: register("prior.logits", &logits)?,
                })
            }
            PriorFamily::Vamp { components } => {
                let raw = random.normal([&[*components], item].concat(), &device)?.to_dtype(dtype)?;
                Ok(Self::Vamp { raw: params.register("prior.pseudo_inputs", Var::from_tensor(&raw)?)? })
            }
            PriorFamily::RealNvp { couplings, hidden } => {
                let coupling = |i| coupling(i, hidden, latent, params, random, &device);
                Ok(Self::RealNvp { couplings: (0..*couplings).map(coupling).collect::<Result<_>>()? })
            }
        }
    }

    /// Its rows in a layer table.
    pub(super) fn rows(&self, params: &Params, latent: usize) -> Vec<LayerRow> {
        match self {
            Self::Mixture { .. } | Self::Vamp { .. } => {
                let own = params.iter().filter(|(name, _)| name.starts_with("prior."));
                own.map(|(name, var)| LayerRow::new(name.into(), "Parameter", var.dims(), var.elem_count())).collect()
            }
            Self::RealNvp { couplings } => {
                let rows =
                    |(i, stack): (usize, &Stack)| stack.rows(&[RealNvp::widths(i, latent).0]).unwrap_or_default();
                couplings.iter().enumerate().flat_map(rows).map(|row| LayerRow::of(params, row)).collect()
            }
        }
    }
}

/// The network of coupling `i`. Its heads begin at 0, so that the flow begins as the identity and the prior as N(0, I).
fn coupling(
    i: usize,
    hidden: &[usize],
    latent: usize,
    params: &mut Params,
    random: &mut Random,
    device: &Device,
) -> Result<Stack> {
    let (mut width, moved) = RealNvp::widths(i, latent);
    let mut stack = Stack::new();
    for (n, &next) in hidden.iter().enumerate() {
        let name = format!("prior.{i}.fc{}", n + 1);
        stack = stack.push(Linear::new(params, &name, width, next, random, device)?, Activation::Relu);
        width = next;
    }
    let mut head = |layer: &str| -> Result<Linear> {
        let name = format!("prior.{i}.{layer}");
        let head = Linear::new(params, &name, width, moved, random, device)?;
        for part in ["weight", "bias"] {
            if let Some(var) = params.get(&format!("{name}.{part}")) {
                var.set(&var.zeros_like()?)?;
            }
        }
        Ok(head)
    };
    let (mu, scale) = (head("fc_mu")?, head("fc_scale")?);
    Ok(stack.heads(mu, scale))
}

/// A mixture's p(z), for `n` codes.
pub(super) fn mixture(mu: &Tensor, log_var: &Tensor, logits: &Tensor, n: usize) -> Result<Box<dyn Distribution>> {
    Ok(Box::new(Mixture::weighted(DiagonalGaussian::new(mu.clone(), log_var.clone())?, logits, n)?))
}

/// A flow's p(z), for as many codes as the base has rows.
pub(super) fn flow(couplings: &[Stack], base: DiagonalGaussian) -> Result<Box<dyn Distribution>> {
    let network = |stack: &Stack| -> Conditioner {
        let stack = stack.clone();
        Box::new(move |a| stack.forward(a))
    };
    Ok(Box::new(RealNvp::new(base, couplings.iter().map(network).collect())?))
}
