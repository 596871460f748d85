//! Objectives and seeds on sprites: how disentangled the codes are, with standard errors.
//!
//! ```text
//! cargo run --release -p vae_core --example disentangle -- --out runs/disentangle --json experiments/disentanglement.json
//! ```
//! A method is an objective with its weight: `beta:4`, `factor:35`, `beta-tc:8` with minibatch-weighted sampling, as in the
//! paper, and `beta-tc-stratified:8` with the other; `beta:1` is the VAE. Each method and seed
//! has a folder of its own in `--out`, with the checkpoints of its training and, once that is done and measured,
//! `result.json`. The same command goes on where it was stopped, and what is done is not done again. At the end all results
//! are written to `--json` and printed as a table in Markdown, mean ± standard error over the seeds.

mod method;
mod outcome;
#[path = "../shared/mod.rs"]
mod shared;

use std::path::{Path, PathBuf};

use clap::Parser;
use method::Method;
use outcome::Outcome;
use serde::{Deserialize, Serialize};
use vae_core::{
    data::{Factored, Sprites},
    prelude::*,
    serde_json,
};

/// Train β-VAEs and their relatives on sprites, and measure how disentangled their codes are.
#[derive(Parser)]
struct Arguments {
    /// Objectives with their weights, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "beta:1,beta:4,beta:8,beta-tc:8,beta-tc-stratified:8,factor:35"
    )]
    methods: Vec<Method>,
    /// How many seeds of each method, from 1 on.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    #[command(flatten)]
    settings: Settings,
    /// A folder for the runs: a new one, or that of an earlier call to go on with.
    #[arg(long)]
    out: PathBuf,
    /// Where to write all results.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What all runs have in common.
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize, Deserialize)]
struct Settings {
    /// Height and width of the pictures.
    #[arg(long, default_value_t = 32)]
    side: usize,
    /// Train on so many pictures, drawn at random, instead of all 737,280.
    #[arg(long)]
    #[serde(default)]
    items: Option<usize>,
    /// How often each picture is seen.
    #[arg(long, default_value_t = 2)]
    epochs: usize,
    /// Pictures per step.
    #[arg(long, default_value_t = 128)]
    batch_size: usize,
    /// Adam's step size.
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
    /// Widths of the encoder's hidden layers; the decoder mirrors them.
    #[arg(long, value_delimiter = ',', default_value = "400,400")]
    hidden: Vec<usize>,
    /// Dimensions of the code.
    #[arg(long, default_value_t = 10)]
    latent: usize,
}

impl Settings {
    /// A model that has not learned anything.
    fn vae(&self, device: &Device, seed: u64) -> Result<MlpVae> {
        let Self { side, hidden, latent, .. } = self.clone();
        let config = MlpVaeConfig { image: (1, side, side), hidden, latent, ..Default::default() };
        MlpVae::new(config, device, seed)
    }

    /// The pictures to train on, where not all are.
    fn some(&self, sprites: &Sprites, device: &Device, seed: u64) -> Result<Option<Images>> {
        let draw = |count| Images::of(sprites, &sprites.sample(count, None, &mut Random::new(seed))?, device);
        self.items.map(draw).transpose()
    }

    fn trainer(&self, method: Method, dataset: usize, device: &Device, seed: u64) -> Result<Trainer> {
        let trainer = method.trainer(self, dataset, device, seed)?;
        Ok(trainer.epochs(self.epochs).batch_size(self.batch_size).learning_rate(self.learning_rate).seed(seed))
    }
}

fn main() -> std::process::ExitCode {
    shared::ended(run(Arguments::parse()))
}

fn run(arguments: Arguments) -> Result<()> {
    let Arguments { methods, seeds, settings, out, json: out_json } = arguments;
    let device = best_device()?;
    let sprites = data::sprites(settings.side, &device)?;
    let mut outcomes = vec![];
    // Seed by seed, so that a table of all methods is there early.
    for seed in 1..=seeds {
        for &method in &methods {
            let folder = out.join(format!("{}-{seed}", method.to_string().replace(':', "-")));
            outcomes.push(outcome(method, seed, &settings, &sprites, &device, &folder)?);
        }
    }
    outcomes.sort_by_key(|outcome| methods.iter().position(|method| method.to_string() == outcome.method));
    if let Some(path) = &out_json {
        shared::write(path, &gathered(&settings, &outcomes)?)?;
    }
    println!("{}", outcome::markdown(&outcomes));
    Ok(())
}

/// What came of a method and a seed: read where it is done, else trained and measured.
fn outcome(
    method: Method,
    seed: u64,
    settings: &Settings,
    sprites: &Sprites,
    device: &Device,
    folder: &Path,
) -> Result<Outcome> {
    let path = folder.join("result.json");
    if path.exists() {
        return Outcome::read(&path, settings);
    }
    println!("{method}, seed {seed}");
    let mut vae = settings.vae(device, seed)?;
    let some = settings.some(sprites, device, seed)?;
    let train: &dyn Data = some.as_ref().map_or(sprites, |some| some);
    let trainer = settings.trainer(method, train.len(), device, seed)?.checkpoints(folder).resume();
    let history = trainer.fit(&mut vae, train)?;
    let outcome = Outcome::of(method, seed, settings, &vae, sprites, &history)?;
    shared::write(&path, &json(&outcome)?)?;
    println!("{outcome}");
    Ok(outcome)
}

/// All results as JSON, a line each, so that a change of one is a change of a line.
fn gathered(settings: &Settings, outcomes: &[Outcome]) -> Result<String> {
    let lines = outcomes.iter().map(json).collect::<Result<Vec<_>>>()?.join(",\n");
    Ok(format!("{{\"settings\": {}, \"outcomes\": [\n{lines}\n]}}", json(settings)?))
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Argument(error.to_string()))
}
