//! −log p(x) of a trained model, as the papers' tables have it.
//!
//! ```text
//! cargo run --release -p vae_core --example nll -- --checkpoint runs/mnist --samples 5000 --json experiments/nll.json
//! cargo run --release -p vae_core --example nll -- --checkpoint runs/mnist --images 1000 --weights best
//! ```
//! `--checkpoint` is the folder of a run of the example `train`. Its `arguments.json` says which images the model was trained on; the
//! test images are judged, with their labels where the model is conditional.
//!
//! A model that was trained with `--binarize` is judged on binary images: each grey value is drawn as a probability (dynamic
//! binarization, the protocol of Burda et al. 2016), once, with the seed 0 whatever `--seed` says, so that all models are judged on the same
//! pixels. `--seed` is for the draws of codes, of which there are `--samples` for each image. The numbers are those of importance
//! sampling, `vae_core::eval::likelihood`: mean ± standard error over the images. Beside them stands how many dimensions of the code are
//! active, as `vae_core::eval::collapse` counts them on the first 2,000 images.

mod run;
#[path = "../shared/mod.rs"]
mod shared;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use run::{Run, Weights};
use vae_core::{
    eval::{Likelihood, likelihood_watched, mean_error},
    models,
    prelude::*,
    serde_json::{self, Value, json},
};

/// Estimate log p(x) of test images by importance sampling.
#[derive(Parser)]
struct Arguments {
    /// The folder of a run of the example `train`.
    #[arg(long)]
    checkpoint: PathBuf,
    /// Draws of the code for each image.
    #[arg(long, default_value_t = 5000)]
    samples: usize,
    /// Only the first so many test images.
    #[arg(long)]
    images: Option<usize>,
    /// Which weights: those at the end (model), the best on held-out images, or the last checkpoint's [default: the first of these
    /// that is there].
    #[arg(long, value_enum)]
    weights: Option<Weights>,
    /// Other images than the run's own: mnist, fashion-mnist, digits or garments.
    #[arg(long)]
    data: Option<String>,
    /// Where the draws come from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to write all numbers.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// On how many images the active dimensions are counted, at most.
const COUNTED_ON: usize = 2_000;

/// How long the work goes on in silence.
const QUIET: Duration = Duration::from_secs(15);

fn main() -> std::process::ExitCode {
    shared::ended(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { checkpoint, samples, seed, .. } = arguments;
    let device = best_device()?;
    let run = Run::read(checkpoint)?;
    let path = run::weights(checkpoint, arguments.weights)?;
    let vae = models::open(&path, &device)?;
    let images = run.images(arguments.data.as_deref(), arguments.images, &device)?;
    let what = if run.binarize { "binarized once" } else { "as they are" };
    println!("{} test images of {}, {what}; weights of {}", images.len(), run.data(arguments), path.display());

    let (start, mut last) = (Instant::now(), Instant::now());
    let likelihood = likelihood_watched(&*vae, &images, *samples, *seed, |done| {
        if last.elapsed() >= QUIET {
            last = Instant::now();
            let spent = start.elapsed().as_secs_f64();
            let (rate, left) = (done * images.len() as f64 / spent, spent / done - spent);
            println!(
                "{:.0} % done | {rate:.1} images/s, {}:{:02} left",
                100.0 * done,
                left as u64 / 60,
                left as u64 % 60
            );
        }
    })?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{likelihood}");
    println!("{seconds:.1} s, {:.1} images/s", images.len() as f64 / seconds);
    if let Some(json) = &arguments.json {
        let settings = json!({
            "checkpoint": checkpoint, "weights": path.file_name().map(|name| name.to_string_lossy()), "data": run.data(arguments),
            "images": images.len(), "binarized_with_seed": run.binarize.then_some(run::BINARIZED_WITH),
            "samples": samples, "seed": seed,
        });
        let active = collapse(&*vae, &images.take(COUNTED_ON), &CollapseConfig::default())?.active();
        let all = gathered(settings, run.arguments, &likelihood, active, seconds)?;
        let text = serde_json::to_string_pretty(&all).map_err(|error| Error::Argument(error.to_string()))?;
        shared::write(json, &text)?;
    }
    Ok(())
}

/// All numbers, rounded to nothing.
fn gathered(settings: Value, trained: Value, likelihood: &Likelihood, active: usize, seconds: f64) -> Result<Value> {
    let elbo = mean_error(likelihood.elbo())?;
    let ess = |q| likelihood.ess_quantile(q);
    let curve: Vec<Value> = (likelihood.curve()?.iter())
        .map(|(k, log_prob)| json!({ "samples": k, "log_prob": log_prob.mean, "error": log_prob.error }))
        .collect();
    Ok(json!({
        "settings": settings,
        "nll": likelihood.nll()?,
        "elbo": elbo,
        "ess": { "0": ess(0.0), "0.01": ess(0.01), "0.1": ess(0.1), "0.5": ess(0.5), "0.9": ess(0.9), "1": ess(1.0) },
        "doubtful": likelihood.doubtful(),
        "active_units": active,
        "curve": curve,
        // What another model's are compared with, image by image.
        "log_prob": likelihood.log_prob,
        "seconds": seconds,
        "images_per_second": likelihood.log_prob.len() as f64 / seconds,
        "trained": trained,
    }))
}
