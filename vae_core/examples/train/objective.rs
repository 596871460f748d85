//! Which objective a run has, with which of its options.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use vae_core::prelude::*;

/// What is trained on.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Name {
    /// The evidence lower bound.
    Elbo,
    /// The same with a larger weight on the KL, 4 unless --beta says otherwise: the β-VAE.
    Beta,
    /// The ELBO of clean images, of which the encoder sees corrupted ones.
    Denoise,
    /// A KL that is held at a capacity, which rises.
    Capacity,
    /// β-TCVAE: the KL in three parts, with a weight on the total correlation.
    BetaTc,
    /// FactorVAE: a total correlation that a discriminator tells.
    Factor,
    /// The importance-weighted bound of several draws.
    Iwae,
    /// The same with the doubly reparameterized gradient.
    Dreg,
    /// The ELBO with some nats of each dimension's KL for free.
    FreeBits,
}

#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// All items of a batch alike.
    Weighted,
    /// A code's own item by itself.
    Stratified,
}

/// The objective and its options; one that is not given is the objective's own default.
#[derive(Args, Serialize, Deserialize)]
pub(crate) struct Options {
    /// What is trained on [default: elbo; denoise for the model denoise and with --corrupt].
    #[arg(long, value_enum)]
    objective: Option<Name>,
    /// The weight of the KL term, or for beta-tc of the total correlation [default: 1; 4 for beta, 6 for beta-tc].
    #[arg(long, allow_negative_numbers = true)]
    beta: Option<f64>,
    /// Over how many epochs the weight of the KL rises from 0 [default: 0].
    #[arg(long, allow_negative_numbers = true)]
    warmup_epochs: Option<f64>,
    /// After how many epochs the rise of that weight begins anew; 0 for never [default: 0].
    #[arg(long, allow_negative_numbers = true)]
    cycle_epochs: Option<f64>,
    /// How many draws a step makes of each image's code [default: 1; 5 for iwae and dreg].
    #[arg(long, value_parser = super::arguments::positive)]
    samples: Option<usize>,
    /// For free-bits how many nats of each dimension's KL cost nothing [default: 0.25].
    #[arg(long, allow_negative_numbers = true)]
    nats: Option<f64>,
    /// For capacity the weight of the distance, for beta-tc that of the dimension-wise KL, for factor that of the total correlation
    /// [default: 1000, 1 and 10].
    #[arg(long, allow_negative_numbers = true)]
    gamma: Option<f64>,
    /// What the capacity rises to, in nats [default: 25].
    #[arg(long, allow_negative_numbers = true)]
    capacity: Option<f64>,
    /// Over how many epochs it rises [default: 10].
    #[arg(long, allow_negative_numbers = true)]
    capacity_epochs: Option<f64>,
    /// For beta-tc the weight of the mutual information [default: 1].
    #[arg(long, allow_negative_numbers = true)]
    alpha: Option<f64>,
    /// For beta-tc how a batch stands for all images [default: stratified].
    #[arg(long, value_enum)]
    sampling: Option<How>,
    /// For factor the widths of the discriminator's hidden layers, separated by commas [default: 256,256,256].
    #[arg(long, value_delimiter = ',', value_parser = super::arguments::positive)]
    discriminator: Option<Vec<usize>>,
}

impl Options {
    /// Refuses what does not go together, before any work is done, and says which objective it is. `denoises` is the model's own
    /// corruption, or that of `--corrupt`.
    pub(crate) fn name(&self, denoises: bool) -> Result<Name> {
        let name = self.objective.unwrap_or(if denoises { Name::Denoise } else { Name::Elbo });
        if denoises && name != Name::Denoise {
            return Err(Error::Argument(format!(
                "--objective {}: the model denoise and --corrupt are for the objective denoise; leave one of them out",
                shown(name)
            )));
        }
        use Name::{Beta, BetaTc, Capacity, Denoise, Dreg, Elbo, Factor, FreeBits, Iwae};
        for (option, given, of) in [
            ("--beta", self.beta.is_some(), &[Elbo, Beta, Denoise, BetaTc][..]),
            ("--warmup-epochs", self.warmup_epochs.is_some(), &[Elbo, Beta, Denoise]),
            ("--cycle-epochs", self.cycle_epochs.is_some(), &[Elbo, Beta, Denoise]),
            ("--samples", self.samples.is_some(), &[Elbo, Beta, Denoise, Iwae, Dreg]),
            ("--nats", self.nats.is_some(), &[FreeBits]),
            ("--gamma", self.gamma.is_some(), &[Capacity, BetaTc, Factor]),
            ("--capacity", self.capacity.is_some(), &[Capacity]),
            ("--capacity-epochs", self.capacity_epochs.is_some(), &[Capacity]),
            ("--alpha", self.alpha.is_some(), &[BetaTc]),
            ("--sampling", self.sampling.is_some(), &[BetaTc]),
            ("--discriminator", self.discriminator.is_some(), &[Factor]),
        ] {
            if given && !of.contains(&name) {
                let of = of.iter().map(|&name| shown(name)).collect::<Vec<_>>().join(", ");
                return Err(Error::Argument(format!(
                    "{option} is an option of the objective {of}, and the objective is {}",
                    shown(name)
                )));
            }
        }
        Ok(name)
    }

    /// The ELBO with the weight of its KL.
    pub(crate) fn elbo(&self, name: Name) -> Elbo {
        let beta = self.beta.unwrap_or(if name == Name::Beta { 4.0 } else { 1.0 });
        let default = Elbo::default();
        Elbo {
            beta,
            warmup_epochs: self.warmup_epochs.unwrap_or(default.warmup_epochs),
            cycle_epochs: self.cycle_epochs.unwrap_or(default.cycle_epochs),
            samples: self.samples.unwrap_or(default.samples),
        }
    }

    pub(crate) fn capacity(&self) -> Capacity {
        let default = Capacity::default();
        Capacity {
            gamma: self.gamma.unwrap_or(default.gamma),
            capacity: self.capacity.unwrap_or(default.capacity),
            epochs: self.capacity_epochs.unwrap_or(default.epochs),
        }
    }

    pub(crate) fn iwae(&self, name: Name) -> Iwae {
        let default = Iwae::default();
        let estimator = if name == Name::Dreg { Estimator::DoublyReparameterized } else { default.estimator };
        Iwae { samples: self.samples.unwrap_or(default.samples), estimator }
    }

    pub(crate) fn free_bits(&self) -> FreeBits {
        let default = FreeBits::default();
        FreeBits { nats: self.nats.unwrap_or(default.nats), ..default }
    }

    /// For so many images to train on.
    pub(crate) fn beta_tc(&self, dataset: usize) -> BetaTcVae {
        let default = BetaTcVae::default();
        BetaTcVae {
            alpha: self.alpha.unwrap_or(default.alpha),
            beta: self.beta.unwrap_or(default.beta),
            gamma: self.gamma.unwrap_or(default.gamma),
            dataset,
            sampling: match self.sampling {
                Some(How::Weighted) => Sampling::Weighted,
                Some(How::Stratified) => Sampling::Stratified,
                None => default.sampling,
            },
        }
    }

    /// With a discriminator for that model, and its seed.
    pub(crate) fn factor(&self, vae: &dyn Vae, seed: u64) -> Result<FactorVae> {
        let default = FactorVaeConfig::default();
        let config = FactorVaeConfig {
            gamma: self.gamma.unwrap_or(default.gamma),
            latent: vae.latent(),
            hidden: self.discriminator.clone().unwrap_or(default.hidden),
            ..default
        };
        FactorVae::new(config, vae.device(), seed)
    }
}

/// The name as it is given.
fn shown(name: Name) -> String {
    name.to_possible_value().map_or(format!("{name:?}"), |value| value.get_name().to_string())
}
