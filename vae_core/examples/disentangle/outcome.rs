//! What came of one training, and the table of all.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::{Deserialize, Serialize};
use vae_core::{
    data::{Data, Factored, Sprites},
    eval::{
        disentangle::{self, Report},
        mean_error,
    },
    objectives::BetaTcVae,
    prelude::*,
    serde_json,
};

use super::{Method, Settings};

/// How many sprites the bound and its parts are taken of, in batches of [`evaluate`].
const ITEMS: usize = 20_000;

/// A trained model in numbers; nats are per picture.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) method: String,
    pub(crate) seed: u64,
    settings: Settings,
    /// How long training took.
    seconds: f64,
    elbo: f64,
    /// −E_q[log p(x|z)].
    distortion: f64,
    /// The KL.
    rate: f64,
    /// The three parts of the KL, estimated from batches with stratified weights.
    parts: BTreeMap<String, f64>,
    report: Report,
}

impl Outcome {
    /// Measures a trained model.
    pub(crate) fn of(
        method: Method,
        seed: u64,
        settings: &Settings,
        vae: &MlpVae,
        sprites: &Sprites,
        history: &History,
    ) -> Result<Self> {
        let mut random = Random::new(seed);
        let some = Images::of(sprites, &sprites.sample(ITEMS, None, &mut random)?, vae.device())?;
        let means = evaluate(&Elbo::default(), vae, &some, false, seed)?;
        let parts = BetaTcVae { beta: 1.0, dataset: Data::len(sprites), ..Default::default() };
        let parts = evaluate(&parts, vae, &some, false, seed)?.metrics;
        Ok(Self {
            method: method.to_string(),
            seed,
            settings: settings.clone(),
            seconds: history.epochs.iter().map(|record| record.seconds).sum(),
            elbo: means.elbo,
            distortion: -means.reconstruction,
            rate: means.kl,
            parts: parts.into_iter().collect(),
            report: disentangle::report(vae, sprites, seed)?,
        })
    }

    /// That of an earlier call, which must have had the same settings.
    pub(crate) fn read(path: &Path, settings: &Settings) -> Result<Self> {
        let wrong = |problem: String| Error::File { path: path.into(), problem };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let outcome: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        match outcome.settings == *settings {
            true => Ok(outcome),
            false => Err(wrong(format!(
                "is of a run with other settings ({:?}); choose another folder, or the same settings",
                outcome.settings
            ))),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, seed, seconds, elbo, rate, distortion, .. } = self;
        writeln!(
            f,
            "{method}, seed {seed}: ELBO {elbo:.2}, rate {rate:.2}, distortion {distortion:.2}, {seconds:.0} s"
        )?;
        write!(f, "{}", self.report)
    }
}

/// A number of a run that the table shows.
type Column = fn(&Outcome) -> f64;

/// A table of the methods in the order in which they come, mean ± standard error over the seeds; the mean alone where there is
/// one seed.
pub(crate) fn markdown(outcomes: &[Outcome]) -> String {
    let columns: [(&str, Column); 10] = [
        ("ELBO", |o| o.elbo),
        ("rate", |o| o.rate),
        ("total correlation", |o| o.parts["total correlation"]),
        ("MIG, 20 bins", |o| o.report.mig.mean()),
        ("MIG, densities", |o| o.report.density_mig.mean()),
        ("FactorVAE metric", |o| o.report.factor_score.score),
        ("DCI", |o| o.report.dci.disentanglement),
        ("SAP", |o| o.report.sap.mean()),
        ("modularity", |o| o.report.modularity),
        ("seconds", |o| o.seconds),
    ];
    let names = columns.map(|(name, _)| name).join(" | ");
    let mut lines = vec![format!("| method | {names} |"), format!("|---{}|", "|---".repeat(columns.len()))];
    for seeds in outcomes.chunk_by(|a, b| a.method == b.method) {
        let cell = |value: Column| {
            let values: Vec<f64> = seeds.iter().map(value).collect();
            mean_error(&values).map_or_else(|_| format!("{:.3}", values[0]), |value| value.to_string())
        };
        lines.push(format!("| {} | {} |", seeds[0].method, columns.map(|(_, value)| cell(value)).join(" | ")));
    }
    lines.join("\n")
}
