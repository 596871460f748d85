//! Denoisers with several weights of the KL and several seeds, on all kinds of noise, with standard errors.
//!
//! ```text
//! cargo run --release -p vae_core --example denoise -- --out runs/denoise --json experiments/denoising.json
//! ```
//! A model is what it is trained on and the weight of its KL: `gaussian:1` has seen Gaussian noise of 0.2 and is trained on the bound,
//! `gaussian:0` is the autoencoder, `mixed:1` has seen one of four corruptions in each batch. Each model and seed has a folder of its own in
//! `--out`, with its checkpoints and, once it is measured, `result.json`. The same command goes on where it was stopped. At the end the
//! tables are written to `--json`, mean ± standard error over seeds, in groups: PSNR and SSIM of the reconstruction at the posterior mean,
//! both again for the mean over draws of the posterior, and the bounds.

#[path = "../shared/mod.rs"]
mod shared;

use std::{collections::BTreeMap, fmt, path::Path, path::PathBuf, str::FromStr};

use clap::Parser;
use serde::{Deserialize, Serialize};
use vae_core::{
    eval::{Denoiser, MeanError, benchmark, mean_error},
    prelude::*,
    serde_json::{self, Value, json},
};

/// What the mixed models are trained on.
const MIXED: [Corruption; 4] = [
    Corruption::Gaussian { std: 0.2 },
    Corruption::SaltAndPepper { share: 0.2 },
    Corruption::Mask { side: 10 },
    Corruption::Blur { std: 1.0 },
];
/// What all models are measured on.
const KINDS: [&str; 12] = [
    "gaussian:0.0",
    "gaussian:0.1",
    "gaussian:0.2",
    "gaussian:0.4",
    "gaussian:0.8",
    "salt-and-pepper:0.1",
    "salt-and-pepper:0.3",
    "mask:6",
    "mask:10",
    "blur:0.5",
    "blur:1.0",
    "blur:2.0",
];
/// Draws of the posterior whose mean is measured too.
const DRAWS: usize = 16;

/// Train denoisers and measure them.
#[derive(Parser)]
struct Arguments {
    /// Models: `gaussian` or `mixed`, and the weight of the KL, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "gaussian:0,gaussian:0.1,gaussian:0.3,gaussian:1,gaussian:3,mixed:0,mixed:1"
    )]
    models: Vec<Model>,
    /// How many seeds of each model, from 1 on.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    #[command(flatten)]
    settings: Settings,
    /// What stands in the results about how they were made [default: this command].
    #[arg(long)]
    made: Option<String>,
    /// A folder for the runs: a new one, or that of an earlier call to go on with.
    #[arg(long)]
    out: PathBuf,
    /// Where to write the tables.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What all runs have in common.
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize, Deserialize)]
struct Settings {
    /// Which images: mnist, fashion-mnist, digits or garments.
    #[arg(long, default_value = "mnist")]
    data: String,
    /// How often each image is seen.
    #[arg(long, default_value_t = 6)]
    epochs: usize,
    /// Width of the hidden layer.
    #[arg(long, default_value_t = 512)]
    hidden: usize,
    /// Dimensions of the code.
    #[arg(long, default_value_t = 40)]
    latent: usize,
    /// Measured on so many test images, from the first on.
    #[arg(long, default_value_t = 1_000)]
    images: usize,
}

/// What a model is trained on, and the weight of its KL.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Model {
    mixed: bool,
    beta: f64,
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}", if self.mixed { "mixed" } else { "gaussian" }, self.beta)
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("the model {text:?}: expected gaussian:1 or mixed:1, with the weight of the KL, 0 or more");
        let (kind, beta) = text.split_once(':').ok_or_else(expected)?;
        let mixed = match kind {
            "gaussian" => false,
            "mixed" => true,
            _ => return Err(expected()),
        };
        let beta = beta.parse().ok().filter(|beta: &f64| beta.is_finite() && *beta >= 0.0).ok_or_else(expected)?;
        Ok(Self { mixed, beta })
    }
}

/// The bound of clean images whose encoder sees them corrupted, each batch in a way that is drawn.
#[derive(Clone)]
struct AnyOf(Vec<Denoising>);

impl Objective for AnyOf {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms> {
        self.0[noise.below(self.0.len())].terms(vae, batch, epoch, noise)
    }

    fn config(&self) -> Value {
        json!({ "objective": "any of", "parts": self.0.iter().map(Objective::config).collect::<Vec<_>>() })
    }
}

/// Of each group and row, the numbers of the seeds by model.
type Numbers = BTreeMap<(String, String), BTreeMap<String, Vec<f64>>>;

/// What came of a model and a seed: numbers by group and row.
#[derive(Serialize, Deserialize)]
struct Outcome {
    settings: Settings,
    numbers: BTreeMap<String, BTreeMap<String, f64>>,
}

fn main() -> std::process::ExitCode {
    shared::ended(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<()> {
    let device = best_device()?;
    let set = data::load(&arguments.settings.data, &device)?;
    let mut all = Numbers::new();
    for seed in 1..=arguments.seeds {
        for model in &arguments.models {
            let folder = arguments.out.join(format!("{}-{seed}", model.to_string().replace(':', "-")));
            for (group, rows) in outcome(*model, seed, &arguments.settings, &set, &folder)?.numbers {
                for (row, number) in rows {
                    let column = if row_has_no_model(&group) { group.clone() } else { model.to_string() };
                    all.entry((group.clone(), row)).or_default().entry(column).or_default().push(number);
                }
            }
        }
    }
    println!("{}", markdown(&arguments.models, &all)?);
    let Some(path) = &arguments.json else { return Ok(()) };
    shared::write(path, &tables(arguments, &all)?)
}

/// The PSNRs as a table in Markdown, mean ± standard error over seeds.
fn markdown(models: &[Model], all: &Numbers) -> Result<String> {
    let names: Vec<String> = models.iter().map(Model::to_string).collect();
    let mut lines =
        vec![format!("| PSNR in dB | {} |", names.join(" | ")), format!("|---{}|", "|---".repeat(names.len()))];
    for kind in KINDS {
        let columns = all.get(&("PSNR".to_string(), kind.to_string()));
        let text = |name: &String| -> Result<String> {
            let numbers = columns.and_then(|columns| columns.get(name));
            numbers.map_or(Ok(String::new()), |numbers| Ok(cell(numbers)?["text"].as_str().unwrap_or_default().into()))
        };
        lines.push(format!("| {kind} | {} |", names.iter().map(text).collect::<Result<Vec<_>>>()?.join(" | ")));
    }
    Ok(lines.join("\n"))
}

/// What came of a model and a seed: read where it is done, else trained and measured.
fn outcome(model: Model, seed: u64, settings: &Settings, set: &Dataset, folder: &Path) -> Result<Outcome> {
    let path = folder.join("result.json");
    let wrong = |problem: String| Error::File { path: path.clone(), problem };
    if path.exists() {
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let done: Outcome = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if done.settings != *settings {
            return Err(wrong(format!("was made with other settings, {:?}; choose another folder", done.settings)));
        }
        return Ok(done);
    }
    let config = MlpVaeConfig { hidden: vec![settings.hidden], latent: settings.latent, ..Default::default() };
    let mut vae = MlpVae::new(config, set.train.device(), seed)?;
    let elbo = Elbo { beta: model.beta, ..Default::default() };
    let part = |corruption| Denoising { corruption, elbo, ..Default::default() };
    let objective = AnyOf(if model.mixed { MIXED.map(part).to_vec() } else { vec![part(MIXED[0])] });
    let trainer = Trainer::new(objective).epochs(settings.epochs).seed(seed).checkpoints(folder).resume().quiet();
    trainer.fit(&mut vae, &set.train)?;

    let outcome = Outcome { settings: settings.clone(), numbers: measured(&vae, seed, settings, set)? };
    let psnr = outcome.numbers["PSNR"]["gaussian:0.2"];
    println!("{model}, seed {seed}: PSNR {psnr:.2} dB on gaussian:0.2");
    let text = serde_json::to_string(&outcome).map_err(|error| wrong(error.to_string()))?;
    shared::write(&path, &text)?;
    Ok(outcome)
}

fn measured(
    vae: &MlpVae,
    seed: u64,
    settings: &Settings,
    set: &Dataset,
) -> Result<BTreeMap<String, BTreeMap<String, f64>>> {
    let kinds = KINDS.iter().map(|kind| kind.parse()).collect::<Result<Vec<Corruption>>>()?;
    let draws = Denoiser::Draws { vae, count: DRAWS, seed };
    let denoisers = [("mean", &Denoiser::of(vae)), ("draws", &draws)];
    let (psnr, ssim) = benchmark(&kinds, &denoisers, &set.test.first(settings.images)?, seed)?;
    let mut numbers: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for (measure, board) in [("PSNR", psnr), ("SSIM", ssim)] {
        for row in board.rows() {
            for (column, group) in
                [("mean", ""), ("draws", ", mean of draws"), ("noisy", ", noisy"), ("median filter", ", median filter")]
            {
                let number = board.cell(&row, column)?.mean();
                // JSON has no infinity: what is equal to its original has no PSNR.
                if number.is_finite() {
                    numbers.entry(format!("{measure}{group}")).or_default().insert(row.clone(), number);
                }
            }
        }
    }
    let bound = evaluate(&Denoising::default(), vae, &set.test, false, seed)?;
    let rows = [("bound", bound.elbo), ("reconstruction", bound.reconstruction), ("KL", bound.kl)];
    numbers.insert("nats".into(), rows.map(|(name, nats)| (name.to_string(), nats)).into());
    Ok(numbers)
}

/// Whether a group's numbers are those of a filter, or of doing nothing: the same for all models of a seed.
fn row_has_no_model(group: &str) -> bool {
    group.ends_with("noisy") || group.ends_with("median filter")
}

/// All tables as JSON, a row a line: groups, rows, and in the cells means over seeds with standard errors.
fn tables(arguments: &Arguments, all: &Numbers) -> Result<String> {
    let mut rows = vec![];
    let order = |row: &str| KINDS.iter().position(|kind| *kind == row).unwrap_or(KINDS.len());
    let mut keys: Vec<_> = all.keys().filter(|key| !row_has_no_model(&key.0)).collect();
    keys.sort_by_key(|(group, row)| (group.clone(), order(row)));
    for key @ (group, row) in keys {
        let mut cells = serde_json::Map::new();
        let beside = ["noisy", "median filter"].map(|name| (name, all.get(&(format!("{group}, {name}"), row.clone()))));
        for (name, numbers) in beside {
            let first = numbers.and_then(|columns| columns.values().next());
            // The same for all models: one number for each seed.
            let of_seeds: Vec<f64> = first.into_iter().flatten().step_by(arguments.models.len()).copied().collect();
            if !of_seeds.is_empty() {
                cells.insert(name.into(), cell(&of_seeds)?);
            }
        }
        for (model, numbers) in &all[key] {
            cells.insert(model.clone(), cell(numbers)?);
        }
        let row = json!({ "group": group, "label": row, "cells": cells });
        rows.push(serde_json::to_string(&row).map_err(|error| Error::Argument(error.to_string()))?);
    }
    let made = arguments.made.clone().unwrap_or_else(|| {
        format!("Made by `cargo run --release -p vae_core --example denoise`, {} seeds.", arguments.seeds)
    });
    let (made, settings) = (json!(made), json!(arguments.settings));
    let seeds = arguments.seeds;
    Ok(format!(
        "{{\"made\": {made}, \"settings\": {settings}, \"seeds\": {seeds}, \"rows\": [\n{}\n]}}",
        rows.join(",\n")
    ))
}

fn cell(numbers: &[f64]) -> Result<Value> {
    let text = |mean: f64, error: f64| format!("{mean:.3} ± {error:.3}");
    if let [one] = numbers {
        return Ok(json!({ "mean": one, "text": format!("{one:.3}") }));
    }
    let MeanError { mean, error } = mean_error(numbers)?;
    Ok(json!({ "mean": mean, "error": error, "over": "seeds", "text": text(mean, error) }))
}
