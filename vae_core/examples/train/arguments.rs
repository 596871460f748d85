//! What the program is given on its command line; when resuming, completed by what the earlier run was given.

use std::path::PathBuf;

use clap::{ArgMatches, FromArgMatches, Parser, ValueEnum, parser::ValueSource};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vae_core::{prelude::*, serde_json};

use super::objective::Options;

/// Train a variational autoencoder and write checkpoints, history and figures.
#[derive(Parser, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// Which model.
    #[arg(long, value_enum, default_value = "mlp")]
    pub(crate) model: Model,
    /// Which images: mnist, fashion-mnist, digits or garments, or the path of a folder of pictures.
    #[arg(long, default_value = "mnist")]
    pub(crate) data: String,
    /// Height and width that the pictures of a folder are cropped to [default: 64x64].
    #[arg(long, value_name = "HxW", value_parser = size)]
    pub(crate) size: Option<(usize, usize)>,
    /// The pictures of a folder in grey instead of colour.
    #[arg(long)]
    pub(crate) grey: bool,
    /// Train on the images of this label alone, to tell it from the others afterwards: see the example `anomaly`.
    #[arg(long, value_name = "LABEL")]
    pub(crate) only: Option<u32>,
    /// Train on the images of all labels but this one.
    #[arg(long, value_name = "LABEL", conflicts_with = "only")]
    pub(crate) except: Option<u32>,
    /// How often every training image is seen.
    #[arg(long, default_value_t = 10, value_parser = positive)]
    pub(crate) epochs: usize,
    /// Images per optimizer step.
    #[arg(long, default_value_t = 128, value_parser = positive)]
    pub(crate) batch_size: usize,
    /// Dimension of the latent space [default: 20 for mlp, 64 for conv, 40 for denoise; conditional models as theirs].
    #[arg(long, value_parser = positive)]
    pub(crate) latent: Option<usize>,
    /// Widths of the encoder's hidden layers, separated by commas; the decoder mirrors them [default: 400,400 for mlp,
    /// 512 for denoise; conv has none].
    #[arg(long, value_delimiter = ',', value_parser = positive)]
    pub(crate) hidden: Option<Vec<usize>>,
    /// Between fully connected layers [default: relu].
    #[arg(long, value_enum)]
    pub(crate) activation: Option<Between>,
    /// Begin with a decoder that says the mean of the training images.
    #[arg(long)]
    pub(crate) output_bias: bool,
    /// What the encoder's images go through: gaussian:0.2, salt-and-pepper:0.1, mask:10 or blur:1.0 [default:
    /// gaussian:0.2 for denoise, nothing for the others].
    #[arg(long)]
    pub(crate) corrupt: Option<Corruption>,
    /// The prior of the codes: N(0, I), or one that is trained with the model; `learned`, a Gaussian for each label, is for
    /// conditional models [default: standard].
    #[arg(long, value_enum)]
    pub(crate) prior: Option<PriorKind>,
    /// How many Gaussians a mixture has, or pseudo-inputs a VampPrior [default: 500].
    #[arg(long, value_parser = positive)]
    pub(crate) components: Option<usize>,
    /// Which half of a conditional model is told the label [default: both].
    #[arg(long, value_enum)]
    pub(crate) told: Option<ToldKind>,
    /// Adam's step size.
    #[arg(long, default_value_t = 1e-3, allow_negative_numbers = true)]
    pub(crate) learning_rate: f64,
    /// How the step size changes over the epochs.
    #[arg(long, value_enum, default_value = "constant")]
    pub(crate) schedule: ScheduleKind,
    /// After how many epochs the schedule has come to its end [default: the epochs of the run].
    #[arg(long, value_parser = positive)]
    pub(crate) schedule_epochs: Option<usize>,
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) objective: Options,
    /// Images held out of training, to validate on [default: 5000, or a tenth where that is fewer].
    #[arg(long)]
    pub(crate) validation: Option<usize>,
    /// Stop after so many epochs without a better validation loss.
    #[arg(long)]
    pub(crate) early_stopping: Option<usize>,
    /// The largest length that the gradient may have.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) clip_gradient: Option<f64>,
    /// Draw binary pixels anew every time that an image is seen.
    #[arg(long)]
    pub(crate) binarize: bool,
    /// Where all randomness comes from.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// A new folder for checkpoints and figures.
    #[arg(long, conflicts_with = "resume", required_unless_present_any = ["resume", "summary"])]
    pub(crate) out: Option<PathBuf>,
    /// The folder of an earlier run, to go on with it; its settings hold where none are given.
    #[arg(long)]
    pub(crate) resume: Option<PathBuf>,
    /// Print the layer table and end.
    #[arg(long)]
    pub(crate) summary: bool,
}

impl Arguments {
    /// How the step size changes.
    pub(crate) fn schedule(&self) -> Schedule {
        let epochs = self.schedule_epochs.unwrap_or(self.epochs) as f64;
        match self.schedule {
            ScheduleKind::Constant => Schedule::Constant,
            ScheduleKind::Cosine => Schedule::Cosine { epochs },
            ScheduleKind::Burda => Schedule::Burda { epochs },
        }
    }

    /// How many images are held out of training.
    pub(crate) fn held_out(&self, images: &dyn Data) -> usize {
        self.validation.unwrap_or((images.len() / 10).min(5_000))
    }

    /// What was given; when resuming, completed by what the earlier run was given.
    pub(crate) fn read(matches: &ArgMatches) -> Result<Self> {
        let now = Self::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
        let Some(folder) = &now.resume else {
            // Noted, so that a run that is prolonged keeps the schedule that it began with.
            let schedule_epochs = now.schedule_epochs.or(Some(now.epochs));
            return Ok(Self { schedule_epochs, ..now });
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
}

#[derive(Clone, Copy, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Model {
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
    pub(crate) fn is_conditional(self) -> bool {
        matches!(self, Self::Conditional | Self::ConditionalConv)
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum PriorKind {
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
    pub(crate) fn family(self, components: usize) -> Option<PriorFamily> {
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
pub(crate) enum Between {
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
pub(crate) enum ScheduleKind {
    /// The same all the time.
    Constant,
    /// Half a cosine, down to 0.
    Cosine,
    /// The eight stages of Burda et al., each three times as long as the one before, down to a tenth.
    Burda,
}

#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum ToldKind {
    /// Encoder and decoder.
    Both,
    /// The decoder alone.
    Decoder,
}

pub(crate) fn positive(text: &str) -> Result<usize, String> {
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
