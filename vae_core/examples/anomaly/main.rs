//! How well a trained model tells other images from those that it was trained on: AUROC and average precision of each of its scores, and
//! of baselines without a model.
//!
//! ```text
//! cargo run --release -p vae_core --example train -- --data mnist --only 3 --epochs 20 --out runs/three
//! cargo run --release -p vae_core --example anomaly -- --checkpoint runs/three --json three.json
//! cargo run --release -p vae_core --example anomaly -- --checkpoint runs/mnist --against fashion-mnist --json mnist.json
//! ```
//! Normal are the test images of the set that the example `train` was given: after `--only 3` those of that label, after `--except 3` those
//! of the others. Anomalous are the remaining ones, or the test images of the set `--against`. What is asked of an image: see
//! `eval::Panel`; neighbours and components are those of the images of training, p-values those of the images held out of it.
//!
//! Each number comes with a 95 % bootstrap interval, which is about other images and the same model: how much training again changes is
//! seen over seeds. `chosen_on` is the AUROC on training images, held-out ones against strange ones: what a score may be chosen by.

#[path = "../shared/mod.rs"]
mod shared;

use std::path::PathBuf;

use clap::Parser;
use serde::{Deserialize, Serialize};
use vae_core::{
    eval::{Interval, Panel, PanelConfig},
    models,
    prelude::*,
    serde_json,
};

/// Measure how well a trained model tells other images from those that it was trained on.
#[derive(Parser)]
struct Arguments {
    /// The folder of a training by the example `train`.
    #[arg(long)]
    checkpoint: PathBuf,
    /// The set whose test images are anomalous [default: the other labels, after a training with --only or --except].
    #[arg(long)]
    against: Option<String>,
    /// Draws of a code for each image, for the scores that are means over draws.
    #[arg(long, default_value_t = 5)]
    samples: usize,
    /// So many test images of each set, from the first on [default: all].
    #[arg(long)]
    images: Option<usize>,
    /// So many images of training, from the first on, for neighbours and principal components.
    #[arg(long, default_value_t = 10_000)]
    known: usize,
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

/// What of the training's `arguments.json` says which images are normal, and which were held out.
#[derive(Deserialize)]
struct Trained {
    data: String,
    only: Option<u32>,
    #[serde(default)]
    except: Option<u32>,
    validation: Option<usize>,
    seed: u64,
}

/// The results of one model. The sets are those that were there: where MNIST was asked for and is missing, digits.
#[derive(Serialize)]
struct Results {
    data: String,
    only: Option<u32>,
    except: Option<u32>,
    against: Option<String>,
    normal: usize,
    anomalous: usize,
    known: usize,
    samples: usize,
    scores: Vec<Row>,
}

/// What a score is worth.
#[derive(Serialize)]
struct Row {
    score: &'static str,
    auroc: f64,
    low: f64,
    high: f64,
    average_precision: f64,
    /// The bootstrap's standard error of the average precision.
    average_precision_error: f64,
    /// The share of anomalous images that is caught at 5 % false alarms.
    caught: f64,
    /// The AUROC on training images.
    chosen_on: f64,
}

/// Normal and anomalous images, in one set.
struct Mixed {
    images: Images,
    normal: Vec<bool>,
}

impl Mixed {
    /// Those of `images` that are normal and the others; or all of them, normal, and `strange`.
    fn of(images: &Images, is_normal: impl Fn(u32) -> bool, strange: Option<&Images>) -> Result<Self> {
        let Some(strange) = strange else {
            return Ok(Self {
                normal: images.labels().iter().map(|label| is_normal(*label)).collect(),
                images: images.clone(),
            });
        };
        let normal = [vec![true; images.len()], vec![false; strange.len()]].concat();
        let pixels = [images.bytes(), strange.bytes()].concat();
        Ok(Self { images: Images::new(pixels, vec![], images.shape(), images.device())?, normal })
    }

    fn rankings(&self, panel: &Panel) -> Result<Vec<(&'static str, Ranking)>> {
        let rank = |(name, scores): (&'static str, Vec<f64>)| {
            Ok((name, Ranking::by_label(&scores, &self.normal, |normal| normal)?))
        };
        panel.ask(&self.images)?.into_iter().map(rank).collect()
    }
}

fn main() -> std::process::ExitCode {
    shared::ended(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<()> {
    let device = best_device()?;
    let trained = shared::arguments(&arguments.checkpoint, "a training by the example train")?;
    let trained: Trained = serde_json::from_value(trained).map_err(|error| Error::Argument(error.to_string()))?;
    let vae = models::open(arguments.checkpoint.join("model.safetensors"), &device)?;
    let set = data::load(&trained.data, &device)?;
    let against = arguments.against.as_ref().map(|name| data::load(name, &device)).transpose()?;
    if against.is_none() && trained.only.is_none() && trained.except.is_none() {
        return Err(Error::Argument(
            "which images are anomalous? expected --against and a set, or a training with --only or --except and a label"
                .into(),
        ));
    }
    let is_normal = |label: u32| {
        trained.only.is_none_or(|only| label == only) && trained.except.is_none_or(|except| label != except)
    };
    let pick = |images: &Images, wanted: &dyn Fn(u32) -> bool| {
        let labels = images.labels().iter().enumerate();
        images.select(&labels.filter(|(_, label)| wanted(**label)).map(|(index, _)| index).collect::<Vec<_>>())
    };
    let few = |images: &Images| arguments.images.map_or_else(|| images.clone(), |count| images.take(count));

    // As in training: the images that the model was trained on, and those held out.
    let train = set.clone().rehearsal(2_000, 500).train;
    let normal = pick(&train, &is_normal)?;
    let (known, held_out) = normal.split(trained.validation.unwrap_or((normal.len() / 10).min(5_000)), trained.seed)?;
    let known = known.take(arguments.known);
    let config = PanelConfig { samples: arguments.samples, seed: arguments.seed, ..Default::default() };
    let panel = Panel::new(&*vae, &known, &held_out, config)?;

    let test = Mixed::of(&few(&set.test), is_normal, against.as_ref().map(|set| few(&set.test)).as_ref())?;
    // The half of the held-out images that makes no p-values, and strange training images.
    let half = &Random::new(arguments.seed).permutation(held_out.len())[held_out.len() / 2..];
    let strange = match &against {
        Some(set) => set.train.take(3_000),
        None => pick(&train.take(3_000), &|label| !is_normal(label))?,
    };
    let choice = Mixed::of(&held_out.select(half)?, is_normal, Some(&strange))?;
    let count = |normal: bool| test.normal.iter().filter(|is| **is == normal).count();
    let mut results = Results {
        data: set.name.clone(),
        only: trained.only,
        except: trained.except,
        against: against.as_ref().map(|set| set.name.clone()),
        normal: count(true),
        anomalous: count(false),
        known: known.len(),
        samples: arguments.samples,
        scores: vec![],
    };
    for ((score, ranking), (_, choice)) in test.rankings(&panel)?.into_iter().zip(choice.rankings(&panel)?) {
        let interval =
            |measure: fn(&Ranking) -> f64| ranking.bootstrap(measure, arguments.resamples, 0.95, arguments.seed);
        let (auroc, precision) = (interval(Ranking::auroc)?, interval(Ranking::average_precision)?);
        println!("{score:28} AUROC {auroc}, average precision {precision}");
        let Interval { estimate, low, high, .. } = auroc;
        results.scores.push(Row {
            score,
            auroc: estimate,
            low,
            high,
            average_precision: precision.estimate,
            average_precision_error: precision.error,
            caught: ranking.caught_at(0.05),
            chosen_on: choice.auroc(),
        });
    }
    let Some(path) = &arguments.json else { return Ok(()) };
    let text = serde_json::to_string_pretty(&results).map_err(|error| Error::Argument(error.to_string()))?;
    shared::write(path, &text)
}
