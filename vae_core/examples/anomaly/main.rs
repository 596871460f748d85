//! How well a trained model tells other images from those that it was trained on: the AUROC of each score.
//!
//! ```text
//! cargo run --release -p vae_core --example train -- --data mnist --only 3 --epochs 20 --out runs/three
//! cargo run --release -p vae_core --example anomaly -- --checkpoint runs/three --json three.json
//! cargo run --release -p vae_core --example anomaly -- --checkpoint runs/mnist --against fashion-mnist --json mnist.json
//! ```
//! Normal are the test images of the set that the example `train` was given, or, after `--only 3`, those of that label; anomalous are
//! the other labels, or the test images of the set `--against`. Each AUROC comes with a 95 % bootstrap interval, which is about
//! other images and the same model: how much training again changes is seen over seeds.

#[path = "../shared/mod.rs"]
mod shared;

use std::path::PathBuf;

use clap::Parser;
use serde::{Deserialize, Serialize};
use vae_core::{eval::Interval, models, prelude::*, serde_json};

/// Measure how well a trained model tells other images from those that it was trained on.
#[derive(Parser)]
struct Arguments {
    /// The folder of a training by the example `train`.
    #[arg(long)]
    checkpoint: PathBuf,
    /// The set whose test images are anomalous [default: the other labels, after a training with --only].
    #[arg(long)]
    against: Option<String>,
    /// Draws of a code for each image, for the scores that are means over draws.
    #[arg(long, default_value_t = 5)]
    samples: usize,
    /// So many test images of each set, from the first on [default: all].
    #[arg(long)]
    images: Option<usize>,
    /// How often the scores are drawn anew for an interval.
    #[arg(long, default_value_t = 500)]
    resamples: usize,
    /// Where the draws come from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to write the results.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What of the training's `arguments.json` says which images are normal.
#[derive(Deserialize)]
struct Trained {
    data: String,
    only: Option<u32>,
}

/// The results of one model. The sets are those that were there: where MNIST was asked for and is missing, digits.
#[derive(Serialize)]
struct Results {
    data: String,
    only: Option<u32>,
    against: Option<String>,
    normal: usize,
    anomalous: usize,
    samples: usize,
    scores: Vec<Row>,
}

/// A score's AUROC with its interval.
#[derive(Serialize)]
struct Row {
    score: Score,
    auroc: f64,
    low: f64,
    high: f64,
}

fn main() -> std::process::ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let device = best_device()?;
    let trained = shared::arguments(&arguments.checkpoint, "a training by the example train")?;
    let Trained { data, only } = serde_json::from_value(trained).map_err(|error| Error::Argument(error.to_string()))?;
    let vae = models::open(arguments.checkpoint.join("model.safetensors"), &device)?;
    let test = |name: &str| -> Result<(String, Images)> {
        let Dataset { name, test, .. } = data::load(name, &device)?;
        Ok((name, arguments.images.map_or_else(|| test.clone(), |count| test.take(count))))
    };
    let (data, all) = test(&data)?;
    let (against, anomalous) = match (&arguments.against, only) {
        (Some(set), _) => test(set).map(|(name, images)| (Some(name), images))?,
        (None, Some(label)) => (None, others(&all, label)?),
        (None, None) => {
            return Err(Error::Argument(
                "which images are anomalous? expected --against and a set, or a training with --only and a label"
                    .into(),
            ));
        }
    };
    let normal = only.map_or_else(|| all.clone(), |label| all.of_class(label));
    let mut results = Results {
        data,
        only,
        against,
        normal: normal.len(),
        anomalous: anomalous.len(),
        samples: arguments.samples,
        scores: vec![],
    };
    for score in Score::ALL {
        let scores = |images| scores(&*vae, images, score, arguments.samples, arguments.seed);
        let ranking = Ranking::new(&scores(&normal)?, &scores(&anomalous)?)?;
        let auroc = ranking.bootstrap(Ranking::auroc, arguments.resamples, 0.95, arguments.seed)?;
        println!("{score:28} AUROC {auroc}");
        let Interval { estimate, low, high, .. } = auroc;
        results.scores.push(Row { score, auroc: estimate, low, high });
    }
    let Some(path) = &arguments.json else { return Ok(()) };
    let text = serde_json::to_string_pretty(&results).map_err(|error| Error::Argument(error.to_string()))?;
    shared::write(path, &text)
}

/// The images of all other labels.
fn others(images: &Images, label: u32) -> Result<Images> {
    let others = images.labels().iter().enumerate().filter(|(_, other)| **other != label);
    images.select(&others.map(|(index, _)| index).collect::<Vec<_>>())
}
