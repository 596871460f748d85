//! Trains a VAE without a notebook.
//!
//! ```text
//! cargo run --release -p vae_core --example train -- --model mlp --data mnist --epochs 10 --out runs/mnist
//! ```
//! The folder receives checkpoints (`last.safetensors`, `best.safetensors`), `model.safetensors`, `history.json`,
//! `curves.svg`, `reconstructions.png`, `samples.png` and `arguments.json`; with these, `--resume runs/mnist` is enough to
//! go on after an interruption, and `--resume runs/mnist --epochs 20` to go on for longer.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum, parser::ValueSource};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vae_core::prelude::*;

/// Train a variational autoencoder and write checkpoints, history and figures.
#[derive(Parser, Serialize, Deserialize)]
struct Arguments {
    /// Which model.
    #[arg(long, value_enum, default_value = "mlp")]
    model: Model,
    /// Which images: mnist, fashion-mnist, digits or garments.
    #[arg(long, default_value = "mnist")]
    data: String,
    /// How often every training image is seen.
    #[arg(long, default_value_t = 10, value_parser = positive)]
    epochs: usize,
    /// Images per optimizer step.
    #[arg(long, default_value_t = 128, value_parser = positive)]
    batch_size: usize,
    /// Dimension of the latent space.
    #[arg(long, default_value_t = 20, value_parser = positive)]
    latent: usize,
    /// Widths of the encoder's hidden layers, separated by commas; the decoder mirrors them.
    #[arg(long, default_value = "400,400", value_delimiter = ',', value_parser = positive)]
    hidden: Vec<usize>,
    /// Adam's step size.
    #[arg(long, default_value_t = 1e-3, allow_negative_numbers = true)]
    learning_rate: f64,
    /// The weight of the KL term; 1 is the ELBO.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    beta: f64,
    /// Over how many epochs that weight rises from 0.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    warmup_epochs: f64,
    /// Images held out of training, to validate on.
    #[arg(long, default_value_t = 5000)]
    validation: usize,
    /// Stop after so many epochs without a better validation loss.
    #[arg(long)]
    early_stopping: Option<usize>,
    /// The largest length that the gradient may have.
    #[arg(long, allow_negative_numbers = true)]
    clip_gradient: Option<f64>,
    /// Draw binary pixels anew every time that an image is seen.
    #[arg(long)]
    binarize: bool,
    /// Where all randomness comes from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A new folder for checkpoints and figures.
    #[arg(long, conflicts_with = "resume", required_unless_present_any = ["resume", "summary"])]
    out: Option<PathBuf>,
    /// The folder of an earlier run, to go on with it; its settings hold where none are given.
    #[arg(long)]
    resume: Option<PathBuf>,
    /// Print the layer table and end.
    #[arg(long)]
    summary: bool,
}

#[derive(Clone, Copy, ValueEnum, Serialize, Deserialize)]
enum Model {
    /// Fully connected layers.
    Mlp,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be 1 or more".into()),
        Ok(value) => Ok(value),
        Err(_) => Err("is not a whole number".into()),
    }
}

fn main() -> std::process::ExitCode {
    let matches = Arguments::command().get_matches();
    match arguments(&matches).and_then(run) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// What was given; when resuming, completed by what the earlier run was given.
fn arguments(matches: &ArgMatches) -> Result<Arguments> {
    let now = Arguments::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let Some(folder) = &now.resume else { return Ok(now) };
    let path = folder.join("arguments.json");
    let wrong = |problem: String| Error::File { path: path.clone(), problem };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        wrong(format!("cannot be read ({error}); expected the folder of a run that was started with --out"))
    })?;
    let Value::Object(then) = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))? else {
        return Err(wrong("expected the arguments of a run".into()));
    };
    let mut all = serde_json::to_value(&now).map_err(|error| wrong(error.to_string()))?;
    for (name, value) in then {
        let given =
            matches.try_contains_id(&name).is_ok() && matches.value_source(&name) == Some(ValueSource::CommandLine);
        if !given && !["out", "resume", "summary"].contains(&name.as_str()) {
            all[name] = value;
        }
    }
    serde_json::from_value(all).map_err(|error| wrong(error.to_string()))
}

/// Notes the arguments of a new run for a later `--resume`, unless the folder holds a run already.
fn note(arguments: &Arguments, folder: &Path) -> Result<()> {
    let path = folder.join("arguments.json");
    let io = |source| Error::Io { path: path.clone(), source };
    if folder.join("last.safetensors").exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(io)?;
    let text = serde_json::to_string_pretty(arguments).map_err(|error| io(error.into()))?;
    std::fs::write(&path, text).map_err(io)
}

fn run(arguments: Arguments) -> Result<()> {
    let device = best_device()?;
    let Arguments { latent, seed, .. } = arguments;
    let mut vae = match arguments.model {
        Model::Mlp => {
            MlpVae::new(MlpVaeConfig { hidden: arguments.hidden.clone(), latent, ..Default::default() }, &device, seed)?
        }
    };
    println!("{}", vae.summary());
    // clap sees to it that there is a folder whenever there is something to train.
    let Some(folder) = arguments.resume.as_ref().or(arguments.out.as_ref()).filter(|_| !arguments.summary) else {
        return Ok(());
    };

    let dataset = data::load(&arguments.data, &device)?.rehearsal(2_000, 500);
    if arguments.resume.is_none() {
        note(&arguments, folder)?;
    }
    let objective = Elbo { beta: arguments.beta, warmup_epochs: arguments.warmup_epochs };
    let mut trainer = Trainer::new(objective).checkpoints(folder).config(TrainConfig {
        epochs: arguments.epochs,
        batch_size: arguments.batch_size,
        adam: AdamConfig { learning_rate: arguments.learning_rate, ..Default::default() },
        seed,
        validation: arguments.validation,
        early_stopping: arguments.early_stopping,
        keep_best: arguments.early_stopping.is_some(),
        clip_gradient: arguments.clip_gradient,
        binarize: arguments.binarize,
    });
    if arguments.resume.is_some() {
        trainer = trainer.resume();
    }
    let history = trainer.fit(&mut vae, &dataset.train)?;

    let test = evaluate(&objective, &vae, &dataset.test, arguments.binarize, seed)?;
    let Means { elbo, reconstruction, kl, .. } = test;
    println!("test ELBO {elbo:.2} = reconstruction {reconstruction:.2} - KL {kl:.2} nats per image");
    vae.save(folder.join("model.safetensors"))?;
    history.plot().save(folder.join("curves.svg"))?;
    let originals = dataset.test.first(10)?;
    let reconstructions = vae.reconstruct(&originals)?;
    ImageGrid::new(&Tensor::cat(&[&originals, &reconstructions], 0)?)?
        .columns(10)
        .save(folder.join("reconstructions.png"))?;
    ImageGrid::new(&vae.generate(16, &mut Random::new(seed))?)?.columns(4).save(folder.join("samples.png"))?;
    println!("checkpoints, history and figures are in {}", folder.display());
    Ok(())
}
