//! Any model with a learned prior p(z) in the place of N(0, I).
//!
//! The ELBO is largest, over all priors, where p(z) is the aggregate posterior (1/N) Σ q(z|xₙ) (Hoffman & Johnson 2016, "ELBO surgery"), which no
//! N(0, I) is. A [`WithPrior`] is the model inside with a [`PriorFamily`] in its place, trained jointly: its parameters are those of the model, which are
//! shared with it, and `prior.…`.
//!
//! ```text
//! mixture    ln p(z) = log-sum-expₖ (ln wₖ + ln N(z; μₖ, diag σₖ²))      μ, σ, w learned
//! VampPrior  ln p(z) = log-sum-expₖ ln q(z|uₖ) − ln K                    u learned, q the encoder
//! RealNVP    ln p(z) = ln N(f(z); 0, I) + ln |det df/dz|                 f learned
//! ```
//! The KL to none of them has a closed form; [`DiagonalGaussian`]'s `kl` estimates what is left of it at the draw.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let digits = data::digits(&Device::Cpu)?.train.take(512);
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![32], latent: 4, ..Default::default() }, &Device::Cpu, 1)?;
//! let mut vae = WithPrior::new(vae, PriorFamily::Vamp { components: 20 }, 1)?;
//! vae.initialize(&digits, 1)?; // the pseudo-inputs begin as twenty of the digits
//! Trainer::new(Elbo::default()).epochs(2).quiet().fit(&mut vae, &digits)?;
//! assert_eq!(vae.generate(3, &mut Random::new(1))?.dims(), [3, 1, 28, 28]);
//! assert_eq!(vae.inner().encode(&digits.tensor()?)?.mu().dims(), [512, 4]); // the MlpVae inside
//! # Ok::<(), vae_core::Error>(())
//! ```
//! Around a conditional model it is a p(z) that knows no y, whatever is given: [`Prior::Learned`](super::Prior::Learned) is the other kind, a
//! Gaussian that y tells, and one model cannot have both. A VampPrior asks the encoder, which must not need y then: choose
//! [`Told::Decoder`](super::Told::Decoder).
//!
//! # Pseudo-inputs
//!
//! Where the numbers of an item are bounded, as pixels of a [`Bernoulli`](crate::distributions::Bernoulli) are, pseudo-inputs are sigmoids of the
//! parameters, between the bounds; where they are not, as with a Gaussian p(x|z), they are the parameters themselves. (A conditional
//! decoder does not say without y; its pseudo-inputs are in \[0, 1\], as images are.) They begin as noise;
//! [`initialize`](WithPrior::initialize) makes them items of the data, from where there is less to learn.

use std::path::Path;

use candle_core::{Device, Shape, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Halves, LayerRow, PriorFamily, Vae, build, describe,
    open::opened,
    prior_family::{Parts, flow, mixture},
};
use crate::{
    Error, Result,
    data::Data,
    distributions::{DiagonalGaussian, Distribution, Mixture},
    nn::Params,
    random::Random,
};

/// A model with a learned prior; see the top of this module.
#[derive(Clone, Debug)]
pub struct WithPrior<V = Box<dyn Vae>> {
    vae: V,
    family: PriorFamily,
    /// Those of `vae`, and the prior's.
    params: Params,
    parts: Parts,
    /// Between which numbers pseudo-inputs are.
    bounds: Option<(f64, f64)>,
}

/// What a file holds of it.
#[derive(Serialize, Deserialize)]
struct Stored {
    model: Value,
    prior: PriorFamily,
}

/// What the file calls it.
pub(super) const KIND: &str = "with-prior";

/// How much of the way to the bounds an item that pseudo-inputs begin as is moved inside, where a sigmoid still has a slope.
const INSIDE: f64 = 0.05;

/// How far apart pseudo-inputs are that begin as the same item: the standard deviation of what is added to their parameters.
const JITTER: f64 = 0.01;

impl<V: Vae> WithPrior<V> {
    /// `vae` with a prior of that family, whose parameters are drawn from `seed`. A mixture begins as parts that are spread like N(0, I), a flow as
    /// N(0, I), a VampPrior as the posteriors of noise.
    ///
    /// # Errors
    /// [`Error::Argument`] for a prior of no components, couplings or hidden units, or of more than fit into memory; for a flow in one dimension;
    /// for a model whose prior is learned already; for a VampPrior where the encoder needs y, or has other posteriors than Gaussians.
    pub fn new(vae: V, family: PriorFamily, seed: u64) -> Result<Self> {
        family.weights(vae.latent(), vae.shape().elem_count())?;
        let mut params = vae.params().clone(); // shared, not copied
        if let Some((name, _)) = params.iter().find(|(name, _)| name.starts_with("prior.")) {
            return Err(Error::argument(format!(
                "expected a model with the prior N(0, I), got one that learns a prior already ({name}); make it without"
            )));
        }
        let item = vae.shape();
        let parts = Parts::new(&family, &mut params, vae.latent(), item.dims(), &mut Random::new(seed))?;
        let bounds = bounds(&vae);
        let with_prior = Self { vae, family, params, parts, bounds };
        with_prior.check_encoder()?;
        Ok(with_prior)
    }

    /// The model inside; its weights are shared.
    pub fn inner(&self) -> &V {
        &self.vae
    }

    /// The family of the prior.
    pub fn family(&self) -> &PriorFamily {
        &self.family
    }

    /// The pseudo-inputs of a VampPrior, (K, …), to look at; none of the other priors.
    pub fn pseudo_inputs(&self) -> Result<Option<Tensor>> {
        match &self.parts {
            Parts::Vamp { raw } => Ok(Some(self.between_bounds(raw)?.detach())),
            Parts::Mixture { .. } | Parts::RealNvp { .. } => Ok(None),
        }
    }

    /// Makes the pseudo-inputs of a VampPrior items of `data`, drawn without repetition while there are enough, with a little noise; for training to
    /// begin with. The other priors have nothing to learn from items before there are codes, and stay as they are.
    ///
    /// # Errors
    /// [`Error::Argument`] without items, [`Error::Shape`] for items of another shape than the model's.
    pub fn initialize(&mut self, data: &dyn Data, seed: u64) -> Result<()> {
        let Parts::Vamp { raw } = &self.parts else { return Ok(()) };
        if data.is_empty() {
            return Err(Error::argument("there are no items for pseudo-inputs to begin as"));
        }
        let (mut random, components) = (Random::new(seed), raw.dims()[0]);
        let order = random.permutation(data.len());
        let picked: Vec<usize> = order.into_iter().cycle().take(components).collect();
        let x = data.batch(&picked)?.x.to_device(raw.device())?.to_dtype(raw.dtype())?;
        if x.dims() != raw.dims() {
            let expected = format!("{:?}", raw.dims());
            return Err(Error::Shape { what: "items for pseudo-inputs", expected, got: x.dims().to_vec() });
        }
        let x = match self.bounds {
            Some((low, high)) => {
                let share = x.affine(1.0 / (high - low), -low / (high - low))?.affine(1.0 - 2.0 * INSIDE, INSIDE)?;
                (share.log()? - share.affine(-1.0, 1.0)?.log()?)?
            }
            None => x,
        };
        let noise = random.normal(raw.shape(), raw.device())?.to_dtype(raw.dtype())?;
        if let Some(var) = self.params.get("prior.pseudo_inputs") {
            var.set(&(x + (noise * JITTER)?)?)?;
        }
        Ok(())
    }

    /// Refuses a VampPrior for an encoder that cannot tell the posteriors of pseudo-inputs.
    fn check_encoder(&self) -> Result<()> {
        let Parts::Vamp { raw } = &self.parts else { return Ok(()) };
        let one = self.between_bounds(&raw.narrow(0, 0, 1)?.detach())?;
        let suits = self.vae.encode(&one).and_then(|q| q.downcast::<DiagonalGaussian>().map(drop));
        suits.map_err(|error| {
            Error::argument(format!(
                "a VampPrior needs an encoder of Gaussians that is told nothing but x (Told::Decoder of a conditional model), or \
                 take another prior; this one says: {error}"
            ))
        })
    }

    /// Pseudo-inputs from their parameters.
    fn between_bounds(&self, raw: &Tensor) -> Result<Tensor> {
        Ok(match self.bounds {
            Some((low, high)) => candle_nn::ops::sigmoid(raw)?.affine(high - low, low)?,
            None => raw.clone(),
        })
    }
}

impl WithPrior {
    /// The model that [`Vae::save`] wrote, whatever is inside.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] when the file cannot be read or holds no `WithPrior`.
    pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let vae = opened(path.as_ref(), |stored, most| {
            if stored["kind"] != KIND {
                let got = &stored["kind"];
                return Err(Error::argument(format!("expected a model of kind {KIND:?}, got {got}")));
            }
            Ok(Box::new(Self::built(stored, most, device)?))
        })?;
        Ok(*vae)
    }

    /// A model of the stored configuration, of `most` weights at most.
    pub(super) fn built(stored: &Value, most: u128, device: &Device) -> Result<Self> {
        let Stored { model, prior } = Stored::deserialize(&stored["config"])
            .map_err(|error| Error::argument(format!("the configuration of its model cannot be read: {error}")))?;
        if model["kind"] == KIND {
            return Err(Error::argument("a model with a prior has no other inside; its configuration says so"));
        }
        let vae = build(&model, most, device)?;
        let weights = prior.weights(vae.latent(), vae.shape().elem_count())?;
        let left = most.saturating_sub(vae.params().count() as u128);
        if weights > left {
            return Err(Error::argument(format!("its prior asks for {weights} weights, but there are {left} numbers")));
        }
        Self::new(vae, prior, 0)
    }
}

/// Between which numbers items are, as far as p(x|z) says it.
fn bounds(vae: &dyn Vae) -> Option<(f64, f64)> {
    let params = vae.params();
    let zero = Tensor::zeros((1, vae.latent()), params.dtype(), params.device()).map_err(Error::from);
    match zero.and_then(|zero| vae.decode(&zero)).map(|p| p.support()) {
        Ok((low, high)) => (low.is_finite() && high.is_finite()).then_some((low, high)),
        Err(_) => Some((0.0, 1.0)), // it does not say without y
    }
}

impl<V: Vae> Vae for WithPrior<V> {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        self.vae.encode(x)
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        self.vae.decode(z)
    }

    fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
        match &self.parts {
            Parts::Mixture { mu, log_var, logits } => mixture(mu, log_var, logits, n),
            Parts::Vamp { raw } => {
                let q = self.vae.encode(&self.between_bounds(raw)?)?;
                Ok(Box::new(Mixture::new(q.downcast::<DiagonalGaussian>()?.clone(), n)?))
            }
            Parts::RealNvp { couplings } => {
                let shape = (n, self.latent());
                flow(couplings, DiagonalGaussian::standard(shape, self.params.dtype(), self.device())?)
            }
        }
    }

    /// The model inside, given y, with the same prior.
    fn given(&self, y: &Tensor) -> Result<Box<dyn Vae + '_>> {
        Ok(Box::new(WithPrior {
            vae: self.vae.given(y)?,
            family: self.family.clone(),
            params: self.params.clone(),
            parts: self.parts.clone(),
            bounds: self.bounds,
        }))
    }

    fn latent(&self) -> usize {
        self.vae.latent()
    }

    fn shape(&self) -> Shape {
        self.vae.shape()
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn layers(&self) -> Vec<LayerRow> {
        let prior = self.parts.rows(&self.params, self.latent());
        self.vae.layers().into_iter().chain(prior).collect()
    }

    fn halves(&self) -> Option<Halves> {
        self.vae.halves()
    }

    fn config(&self) -> Value {
        describe(KIND, &Stored { model: self.vae.config(), prior: self.family.clone() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::models::{MlpVae, MlpVaeConfig};

    fn model(family: PriorFamily, latent: usize) -> WithPrior<MlpVae> {
        let config = MlpVaeConfig { image: (1, 2, 3), hidden: vec![4], latent, ..Default::default() };
        WithPrior::new(MlpVae::new(config, &Device::Cpu, 1).unwrap(), family, 1).unwrap()
    }

    /// The number of weights that is held against a file's is that of the prior, biases left out.
    #[test]
    fn weights_are_counted() {
        for latent in [2, 3, 7] {
            for family in [
                PriorFamily::Mixture { components: 5 },
                PriorFamily::Vamp { components: 5 },
                PriorFamily::RealNvp { couplings: 1, hidden: vec![4] },
                PriorFamily::RealNvp { couplings: 5, hidden: vec![4, 6] },
            ] {
                let vae = model(family.clone(), latent);
                let own = vae.params.iter().filter(|(name, _)| name.starts_with("prior.") && !name.ends_with("bias"));
                let own: usize = own.map(|(_, var)| var.elem_count()).sum();
                assert_eq!(family.weights(latent, 6).unwrap(), own as u128, "{family:?} {latent}");
            }
        }
    }

    /// Whatever a file says of a model, the answer is a model or an error, and no gigabytes are made.
    #[test]
    fn hostile_configurations_are_refused() {
        let good = model(PriorFamily::Vamp { components: 5 }, 2);
        let most = good.params().count() as u128;
        let answer = |path: &[&str], value: Value| {
            let mut stored = good.config();
            let place = path.iter().fold(&mut stored["config"], |place, name| &mut place[*name]);
            *place = value;
            build(&stored, most, &Device::Cpu).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(answer(&["prior", "vamp", "components"], json!(5)), Ok(()));
        let huge = u64::MAX;
        let flow = |couplings: u64, hidden: Value| json!({ "real_nvp": { "couplings": couplings, "hidden": hidden } });
        for (path, value, words) in [
            (&["prior"][..], json!({ "vamp": { "components": 0 } }), "components of a prior must be 1 or more, got 0"),
            (&["prior"], json!({ "vamp": { "components": huge } }), "weights, more than"),
            (
                &["prior"],
                json!({ "vamp": { "components": 6 } }),
                "its prior asks for 36 weights, but there are 30 numbers",
            ),
            (&["prior"], json!({ "mixture": { "components": huge } }), "weights, more than"),
            (&["prior"], json!({ "mixture": { "components": 1_000_000 } }), "numbers"),
            (&["prior"], json!({ "mixture": { "components": -1 } }), "cannot be read"),
            (&["prior"], flow(0, json!([4])), "couplings of a RealNvp prior must be 1 to 1000, got 0"),
            (&["prior"], flow(huge, json!([4])), "couplings of a RealNvp prior must be 1 to 1000"),
            (&["prior"], flow(1000, json!([4])), "numbers"),
            (&["prior"], flow(2, json!([])), "hidden layers of a RealNvp prior must be 1 to 1000, got 0"),
            (&["prior"], flow(2, json!(vec![1; 1001])), "hidden layers of a RealNvp prior must be 1 to 1000, got 1001"),
            (&["prior"], flow(2, json!([0])), "a hidden width of a RealNvp prior must be 1 or more"),
            (&["prior"], flow(2, json!([huge, huge, huge])), "weights, more than"),
            (&["prior"], json!("jeffreys"), "cannot be read"),
            (&["model"], good.config(), "has no other inside"),
            (&["model"], json!({ "kind": "transformer" }), "expected a model of kind"),
            (&["model"], json!([]), "expected a model with its configuration"),
            (&["model", "config", "latent"], json!(huge), "weights"),
            (&["model", "config", "latent"], json!(0), "latent of an MlpVae must be 1 or more"),
        ] {
            let said = answer(path, value.clone()).unwrap_err();
            assert!(said.contains(words), "{path:?} {value}: {said}");
        }
    }
}
