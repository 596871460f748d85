//! An objective with its weight, by name.

use std::{fmt, str::FromStr};

use vae_core::{
    objectives::{BetaTcVae, FactorVae, FactorVaeConfig, Sampling},
    prelude::*,
};

use super::Settings;

/// Which objective, with the weight that it is known by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Method {
    /// The weight of the whole KL.
    Beta(f64),
    /// The weight of the total correlation, and how it is estimated from the batch.
    BetaTc(f64, Sampling),
    /// What the total correlation weighs beside the KL, told by a discriminator.
    Factor(f64),
}

impl Method {
    /// Trains on the objective, whatever its type. A discriminator learns at the model's own rate, as in the paper, where both are 1e-4.
    pub(crate) fn trainer(self, settings: &Settings, dataset: usize, device: &Device, seed: u64) -> Result<Trainer> {
        let Settings { latent, learning_rate, .. } = *settings;
        Ok(match self {
            Self::Beta(beta) => Trainer::new(Elbo { beta, ..Default::default() }),
            Self::BetaTc(beta, sampling) => Trainer::new(BetaTcVae { beta, dataset, sampling, ..Default::default() }),
            Self::Factor(gamma) => {
                let default = FactorVaeConfig::default();
                let adam = AdamConfig { learning_rate, ..default.adam };
                let config = FactorVaeConfig { gamma, latent, adam, ..default };
                Trainer::new(FactorVae::new(config, device, seed)?)
            }
        })
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!("expected beta, beta-tc, beta-tc-stratified or factor with its weight, as in beta:4, got {text:?}")
        };
        let (name, weight) = text.split_once(':').ok_or_else(expected)?;
        let weight: f64 = weight.parse().map_err(|_| expected())?;
        match name {
            "beta" => Ok(Self::Beta(weight)),
            "beta-tc" => Ok(Self::BetaTc(weight, Sampling::Weighted)),
            "beta-tc-stratified" => Ok(Self::BetaTc(weight, Sampling::Stratified)),
            "factor" => Ok(Self::Factor(weight)),
            _ => Err(expected()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beta(weight) => write!(f, "beta:{weight}"),
            Self::BetaTc(weight, Sampling::Weighted) => write!(f, "beta-tc:{weight}"),
            Self::BetaTc(weight, Sampling::Stratified) => write!(f, "beta-tc-stratified:{weight}"),
            Self::Factor(weight) => write!(f, "factor:{weight}"),
        }
    }
}
