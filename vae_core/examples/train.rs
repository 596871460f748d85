//! Trains a VAE without a notebook.
//!
//! ```text
//! cargo run --release -p vae_core --example train -- --model mlp --data mnist --epochs 10 --out runs/mnist
//! cargo run --release -p vae_core --example train -- --model conv --data fashion-mnist --out runs/fashion
//! cargo run --release -p vae_core --example train -- --model denoise --corrupt gaussian:0.2 --out runs/denoise
//! cargo run --release -p vae_core --example train -- --data ~/Pictures/faces --size 48x64 --out runs/faces
//! cargo run --release -p vae_core --example train -- --objective beta-tc --beta 6 --out runs/beta-tc
//! cargo run --release -p vae_core --example train -- --objective dreg --samples 5 --binarize --schedule cosine --out runs/dreg
//! ```
//! | model | layers | trained on |
//! |---|---|---|
//! | `mlp` | 784–400–400–20 | the ELBO |
//! | `conv` | convolutions 1–32–64–72–64 and back, 64 latent dimensions | the ELBO |
//! | `denoise` | 784–512–40 | corrupted images, `gaussian:0.2` unless `--corrupt` says otherwise |
//! | `conditional` | those of `mlp`, told the label | the ELBO of p(x\|y) |
//! | `conditional-conv` | those of `conv`, told the label | the same |
//!
//! `--data` names a set or a folder of PNG and JPEG pictures, which are cropped to `--size` and of which a tenth is the test
//! set; the models then have that shape instead of 1×28×28, the convolutions mirrored.
//!
//! A conditional model may have a prior for each label (`--prior learned`), or an encoder that does without (`--told decoder`). The
//! classes of a folder of pictures are its sub-folders; samples have the labels of the first test images.
//!
//! `--objective` names what is trained on: `elbo`, `beta`, `denoise`, `capacity`, `beta-tc`, `factor`, `iwae`, `dreg` or `free-bits`,
//! each with options of its own; an option of another one is refused.
//!
//! Any model may have a prior that is trained with it: `--prior mixture`, `vamp` or `real-nvp`. `--schedule` lets the step size fall.
//!
//! `--corrupt` makes a denoiser of the others too: the encoder sees the corrupted image, the clean one is scored, and
//! the KL stays in the loss.
//!
//! The folder receives checkpoints (`last.safetensors`, `best.safetensors`), `model.safetensors`, `history.json`,
//! `curves.svg`, `reconstructions.png` (originals, corrupted ones where there are any, reconstructions), `samples.png`
//! and `arguments.json`; with these, `--resume runs/mnist` is enough to go on after an interruption, and
//! `--resume runs/mnist --epochs 20` to go on for longer.

#[path = "train/objective.rs"]
mod objective;

use std::path::{Path, PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, ValueEnum, parser::ValueSource};
use objective::{Name, Options};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vae_core::{prelude::*, serde_json};

/// Train a variational autoencoder and write checkpoints, history and figures.
#[derive(Parser, Serialize, Deserialize)]
struct Arguments {
    /// Which model.
    #[arg(long, value_enum, default_value = "mlp")]
    model: Model,
    /// Which images: mnist, fashion-mnist, digits or garments, or the path of a folder of pictures.
    #[arg(long, default_value = "mnist")]
    data: String,
    /// Height and width that the pictures of a folder are cropped to [default: 64x64].
    #[arg(long, value_name = "HxW", value_parser = size)]
    size: Option<(usize, usize)>,
    /// The pictures of a folder in grey instead of colour.
    #[arg(long)]
    grey: bool,
    /// Train on the images of this label alone, to tell it from the others afterwards: see the example `anomaly`.
    #[arg(long, value_name = "LABEL")]
    only: Option<u32>,
    /// How often every training image is seen.
    #[arg(long, default_value_t = 10, value_parser = positive)]
    epochs: usize,
    /// Images per optimizer step.
    #[arg(long, default_value_t = 128, value_parser = positive)]
    batch_size: usize,
    /// Dimension of the latent space [default: 20 for mlp, 64 for conv, 40 for denoise; conditional models as theirs].
    #[arg(long, value_parser = positive)]
    latent: Option<usize>,
    /// Widths of the encoder's hidden layers, separated by commas; the decoder mirrors them [default: 400,400 for mlp,
    /// 512 for denoise; conv has none].
    #[arg(long, value_delimiter = ',', value_parser = positive)]
    hidden: Option<Vec<usize>>,
    /// Between fully connected layers [default: relu].
    #[arg(long, value_enum)]
    activation: Option<Between>,
    /// Begin with a decoder that says the mean of the training images.
    #[arg(long)]
    output_bias: bool,
    /// What the encoder's images go through: gaussian:0.2, salt-and-pepper:0.1, mask:10 or blur:1.0 [default:
    /// gaussian:0.2 for denoise, nothing for the others].
    #[arg(long)]
    corrupt: Option<Corruption>,
    /// The prior of the codes: N(0, I), or one that is trained with the model; `learned`, a Gaussian for each label, is for
    /// conditional models [default: standard].
    #[arg(long, value_enum)]
    prior: Option<PriorKind>,
    /// How many Gaussians a mixture has, or pseudo-inputs a VampPrior [default: 500].
    #[arg(long, value_parser = positive)]
    components: Option<usize>,
    /// Which half of a conditional model is told the label [default: both].
    #[arg(long, value_enum)]
    told: Option<ToldKind>,
    /// Adam's step size.
    #[arg(long, default_value_t = 1e-3, allow_negative_numbers = true)]
    learning_rate: f64,
    /// How the step size changes over the epochs.
    #[arg(long, value_enum, default_value = "constant")]
    schedule: ScheduleKind,
    /// After how many epochs the schedule has come to its end [default: the epochs of the run].
    #[arg(long, value_parser = positive)]
    schedule_epochs: Option<usize>,
    #[command(flatten)]
    #[serde(flatten)]
    objective: Options,
    /// Images held out of training, to validate on [default: 5000, or a tenth where that is fewer].
    #[arg(long)]
    validation: Option<usize>,
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
    /// Convolutions and transposed convolutions.
    Conv,
    /// Fully connected layers that see corrupted images.
    Denoise,
    /// Fully connected layers that are told the label.
    Conditional,
    /// Convolutions that are told the label.
    ConditionalConv,
}

impl Model {
    fn is_conditional(self) -> bool {
        matches!(self, Self::Conditional | Self::ConditionalConv)
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
enum PriorKind {
    /// N(0, I), whatever the label.
    Standard,
    /// A Gaussian for each label.
    Learned,
    /// A mixture of Gaussians.
    Mixture,
    /// A VampPrior: the mixture of the posteriors of pseudo-inputs, which begin as training images.
    Vamp,
    /// A Gaussian bent by six couplings.
    RealNvp,
}

impl PriorKind {
    /// The prior that knows no label; `None` for the two that are the model's own.
    fn family(self, components: usize) -> Option<PriorFamily> {
        match self {
            Self::Standard | Self::Learned => None,
            Self::Mixture => Some(PriorFamily::Mixture { components }),
            Self::Vamp => Some(PriorFamily::Vamp { components }),
            Self::RealNvp => Some(PriorFamily::RealNvp { couplings: 6, hidden: vec![128] }),
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Between {
    Relu,
    LeakyRelu,
    Tanh,
}

impl From<Between> for Activation {
    fn from(between: Between) -> Self {
        match between {
            Between::Relu => Self::Relu,
            Between::LeakyRelu => Self::LeakyRelu(0.01),
            Between::Tanh => Self::Tanh,
        }
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ScheduleKind {
    /// The same all the time.
    Constant,
    /// Half a cosine, down to 0.
    Cosine,
    /// The eight stages of Burda et al., each three times as long as the one before, down to a tenth.
    Burda,
}

#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
enum ToldKind {
    /// Encoder and decoder.
    Both,
    /// The decoder alone.
    Decoder,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be 1 or more".into()),
        Ok(value) => Ok(value),
        Err(_) => Err("is not a whole number".into()),
    }
}

/// "48x64": height and width.
fn size(text: &str) -> Result<(usize, usize), String> {
    let (height, width) = text.split_once('x').ok_or("expected height x width, such as 48x64")?;
    let side = |text| positive(text).map_err(|problem| format!("the side {text:?} {problem}"));
    Ok((side(height)?, side(width)?))
}

fn main() -> std::process::ExitCode {
    program(std::env::args_os())
}

/// The program with these arguments, its name first; the example `gpu` has it as a part.
pub(crate) fn program(words: impl Iterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    let matches = Arguments::command().get_matches_from(words);
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
    let Some(folder) = &now.resume else {
        // Noted, so that a run that is prolonged keeps the schedule that it began with.
        let schedule_epochs = now.schedule_epochs.or(Some(now.epochs));
        return Ok(Arguments { schedule_epochs, ..now });
    };
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

fn run(arguments: Arguments) -> Result<()> {
    let device = best_device()?;
    let (hidden, latent) = match arguments.model {
        Model::Mlp | Model::Conditional => (vec![400, 400], 20),
        Model::Conv | Model::ConditionalConv => (vec![], 64),
        Model::Denoise => (vec![512], 40),
    };
    let latent = arguments.latent.unwrap_or(latent);
    let pictures = pictures(&arguments)?;
    let image = pictures.as_ref().map_or((1, 28, 28), FolderConfig::shape);
    let conv = matches!(arguments.model, Model::Conv | Model::ConditionalConv);
    if conv && arguments.hidden.is_some() {
        return Err(Error::Argument(
            "--hidden is for the models mlp, denoise and conditional; the layers of conv are fixed".into(),
        ));
    }
    let prior = arguments.prior.unwrap_or(PriorKind::Standard);
    if !arguments.model.is_conditional() && (prior == PriorKind::Learned || arguments.told.is_some()) {
        return Err(Error::Argument(
            "--prior learned and --told are for the models conditional and conditional-conv".into(),
        ));
    }
    if arguments.components.is_some() && !matches!(prior, PriorKind::Mixture | PriorKind::Vamp) {
        return Err(Error::Argument("--components is for --prior mixture and --prior vamp".into()));
    }
    if conv && arguments.activation.is_some() {
        return Err(Error::Argument("--activation is for fully connected layers; those of conv are fixed".into()));
    }
    let network = if conv {
        Network::Conv(match pictures {
            None => ConvVaeConfig { latent, ..Default::default() },
            Some(_) => ConvVaeConfig::mirrored(image, &[(32, 1), (64, 2), (72, 2), (64, 1)], latent)?,
        })
    } else {
        let hidden = arguments.hidden.clone().unwrap_or(hidden);
        let activation = arguments.activation.map_or(MlpVaeConfig::default().activation, Activation::from);
        Network::Mlp(MlpVaeConfig { image, hidden, latent, activation, ..Default::default() })
    };
    match network {
        network if arguments.model.is_conditional() => {
            let prior = if prior == PriorKind::Learned { Prior::Learned { hidden: vec![] } } else { Prior::Standard };
            let told = if arguments.told == Some(ToldKind::Decoder) { Told::Decoder } else { Told::Both };
            let condition = Condition::Classes(classes(&arguments.data)?);
            let config = ConditionalVaeConfig { network, condition, prior, told };
            begin(&arguments, ConditionalVae::new(config, &device, arguments.seed)?, ConditionalVae::set_output_bias)
        }
        Network::Conv(config) => {
            begin(&arguments, ConvVae::new(config, &device, arguments.seed)?, ConvVae::set_output_bias)
        }
        Network::Mlp(config) => {
            begin(&arguments, MlpVae::new(config, &device, arguments.seed)?, MlpVae::set_output_bias)
        }
    }
}

/// How many classes there are in what `--data` names: the sub-folders of a folder of pictures.
fn classes(data: &str) -> Result<usize> {
    if data::is_set(data) {
        return Ok(10);
    }
    let path = PathBuf::from(data);
    let entries = std::fs::read_dir(&path).map_err(|source| Error::Io { path, source })?;
    match entries.flatten().filter(|entry| entry.path().is_dir()).count() {
        0 => Err(Error::Argument(format!(
            "--data {data}: has no sub-folders, and so no labels for a conditional model: put each class into one of its own"
        ))),
        classes => Ok(classes),
    }
}

/// How the pictures of a folder are read, where `--data` names one and no set.
fn pictures(arguments: &Arguments) -> Result<Option<FolderConfig>> {
    let (name, names) = (&*arguments.data, data::NAMES.join(", "));
    let is_set = data::is_set(name);
    if is_set && (arguments.size.is_some() || arguments.grey) {
        return Err(Error::Argument(format!(
            "--size and --grey are for folders of pictures; {name} is a set of 1×28×28"
        )));
    }
    if !is_set && arguments.only.is_some() {
        return Err(Error::Argument(
            "--only is for sets; of a folder of pictures, name the sub-folder of one class".into(),
        ));
    }
    if !is_set && !Path::new(name).exists() {
        return Err(Error::Argument(format!(
            "--data {name}: no set has that name, and no folder: expected {names}, or the path of a folder of pictures"
        )));
    }
    let size = arguments.size.unwrap_or(FolderConfig::default().size);
    Ok((!is_set).then(|| FolderConfig { size, colour: !arguments.grey, ..Default::default() }))
}

/// What `--data` names.
struct Sets {
    train: Box<dyn Data>,
    test: Box<dyn Data>,
    /// The first thousand images of `test`.
    shown: Images,
}

fn sets(arguments: &Arguments, device: &Device) -> Result<Sets> {
    let Some(config) = pictures(arguments)? else {
        let Dataset { mut train, mut test, .. } = data::load(&arguments.data, device)?.rehearsal(2_000, 500);
        if let Some(label) = arguments.only {
            (train, test) = (train.of_class(label), test.of_class(label));
        }
        let shown = test.take(1_000);
        return Ok(Sets { train: Box::new(train), test: Box::new(test), shown });
    };
    let all = data::folder(&arguments.data, config, device)?;
    let (train, test) = all.split((all.len() / 10).max(1), arguments.seed)?;
    let shown = test.images(&(0..test.len().min(1_000)).collect::<Vec<_>>())?;
    Ok(Sets { train: Box::new(train), test: Box::new(test), shown })
}

/// Chooses the prior, and what the model begins with.
fn begin<V: Vae + Clone>(
    arguments: &Arguments,
    vae: V,
    set_output_bias: impl Fn(&mut V, &dyn Data) -> Result<()>,
) -> Result<()> {
    // A clone shares its weights.
    let mut inner = vae.clone();
    let mut bias = |images: &dyn Data| if arguments.output_bias { set_output_bias(&mut inner, images) } else { Ok(()) };
    match arguments.prior.and_then(|prior| prior.family(arguments.components.unwrap_or(500))) {
        None => choose(arguments, vae, |_, images| bias(images)),
        Some(family) => {
            let vae = WithPrior::new(vae, family, arguments.seed)?;
            choose(arguments, vae, |vae, images| {
                bias(images)?;
                vae.initialize(images, arguments.seed)
            })
        }
    }
}

/// Chooses the objective; `prepare` makes the weights what training begins with, from the images to train on.
fn choose<V: Vae>(
    arguments: &Arguments,
    mut vae: V,
    mut prepare: impl FnMut(&mut V, &dyn Data) -> Result<()>,
) -> Result<()> {
    let options = &arguments.objective;
    let denoiser = matches!(arguments.model, Model::Denoise);
    let name = options.name(denoiser || arguments.corrupt.is_some())?;
    println!("{}", vae.summary());
    if arguments.summary {
        return Ok(());
    }
    let sets = sets(arguments, vae.device())?;
    // A run that was stopped before its first checkpoint begins anew, whatever it is called with.
    let has_weights = |folder: &PathBuf| folder.join("last.safetensors").exists();
    if !arguments.resume.as_ref().is_some_and(has_weights) {
        prepare(&mut vae, &*sets.train)?;
    }
    match name {
        Name::Elbo | Name::Beta => train(arguments, vae, sets, options.elbo(name), None),
        Name::Denoise => {
            let corruption = arguments.corrupt.unwrap_or(Corruption::Gaussian { std: 0.2 });
            let objective = Denoising { corruption, elbo: options.elbo(name), ..Default::default() };
            train(arguments, vae, sets, objective, Some(corruption))
        }
        Name::Capacity => train(arguments, vae, sets, options.capacity(), None),
        Name::BetaTc => {
            let dataset = sets.train.len().saturating_sub(held_out(arguments, &*sets.train));
            train(arguments, vae, sets, options.beta_tc(dataset), None)
        }
        Name::Factor => {
            let objective = options.factor(&vae, arguments.seed)?;
            train(arguments, vae, sets, objective, None)
        }
        Name::Iwae | Name::Dreg => train(arguments, vae, sets, options.iwae(name), None),
        Name::FreeBits => train(arguments, vae, sets, options.free_bits(), None),
    }
}

/// How the step size changes.
fn schedule(arguments: &Arguments) -> Schedule {
    let epochs = arguments.schedule_epochs.unwrap_or(arguments.epochs) as f64;
    match arguments.schedule {
        ScheduleKind::Constant => Schedule::Constant,
        ScheduleKind::Cosine => Schedule::Cosine { epochs },
        ScheduleKind::Burda => Schedule::Burda { epochs },
    }
}

/// How many images are held out of training.
fn held_out(arguments: &Arguments, images: &dyn Data) -> usize {
    arguments.validation.unwrap_or((images.len() / 10).min(5_000))
}

fn train(
    arguments: &Arguments,
    mut vae: impl Vae,
    Sets { train: images, test, shown }: Sets,
    objective: impl Objective + Clone + 'static,
    corruption: Option<Corruption>,
) -> Result<()> {
    // clap sees to it that there is a folder whenever there is something to train.
    let Some(folder) = arguments.resume.as_ref().or(arguments.out.as_ref()) else { return Ok(()) };
    let seed = arguments.seed;
    let mut trainer = Trainer::new(objective.clone()).checkpoints(folder).config(TrainConfig {
        epochs: arguments.epochs,
        batch_size: arguments.batch_size,
        adam: AdamConfig { learning_rate: arguments.learning_rate, ..Default::default() },
        schedule: schedule(arguments),
        seed,
        validation: held_out(arguments, &*images),
        early_stopping: arguments.early_stopping,
        keep_best: arguments.early_stopping.is_some(),
        clip_gradient: arguments.clip_gradient,
        binarize: arguments.binarize,
    });
    if arguments.resume.is_some() {
        trainer = trainer.resume();
    } else {
        // A later `--resume` finds them there, whenever this run is interrupted.
        let noted = serde_json::to_string_pretty(arguments).map_err(|error| Error::Argument(error.to_string()))?;
        trainer = trainer.note("arguments.json", noted);
    }
    let history = trainer.fit(&mut vae, &*images)?;

    let test = evaluate(&objective, &vae, &*test, arguments.binarize, seed)?;
    let Means { elbo, reconstruction, kl, .. } = &test;
    println!("test ELBO {elbo:.2} = reconstruction {reconstruction:.2} - KL {kl:.2} nats per image");
    for (metric, value) in &test.metrics {
        println!("test {metric} {value:.3}");
    }
    vae.save(folder.join("model.safetensors"))?;
    history.plot().save(folder.join("curves.svg"))?;

    let originals = shown.first(10)?;
    let mut rows = vec![originals.clone()];
    let mut random = Random::new(seed);
    if let Some(corruption) = corruption {
        let clean = shown.tensor()?;
        let noisy = corruption.apply(&clean, &mut random)?;
        println!("corrupted with {corruption}: {}", eval::recon::Quality::of(&noisy, &clean)?);
        let denoised = labelled(&vae, &shown)?.reconstruct(&noisy)?;
        println!("denoised: {}", eval::recon::Quality::of(&denoised, &clean)?);
        rows.push(noisy.narrow(0, 0, originals.dim(0)?)?);
    }
    let seen = rows.last().unwrap_or(&originals);
    rows.push(labelled(&vae, &shown.take(10))?.reconstruct(seen)?);
    ImageGrid::new(&Tensor::cat(&rows, 0)?)?.columns(10).save(folder.join("reconstructions.png"))?;
    let first = shown.take(16);
    let samples = labelled(&vae, &first)?.generate(first.len(), &mut Random::new(seed))?;
    ImageGrid::new(&samples)?.columns(4).save(folder.join("samples.png"))?;
    println!("checkpoints, history and figures are in {}", folder.display());
    Ok(())
}

/// The model of what is known of these images, which is the model itself unless it is conditional.
fn labelled<'a>(vae: &'a dyn Vae, images: &Images) -> Result<Box<dyn Vae + 'a>> {
    match images.batch(&(0..images.len()).collect::<Vec<_>>())?.y {
        Some(y) => vae.given(&y),
        None => Ok(Box::new(vae)),
    }
}
