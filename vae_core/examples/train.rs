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

#[path = "train/arguments.rs"]
mod arguments;
#[path = "train/images.rs"]
mod images;
#[path = "train/model.rs"]
mod model;
#[path = "train/objective.rs"]
mod objective;
#[path = "train/training.rs"]
mod training;

use arguments::Arguments;
use clap::CommandFactory;

fn main() -> std::process::ExitCode {
    program(std::env::args_os())
}

/// The program with these arguments, its name first; the example `gpu` has it as a part.
pub(crate) fn program(words: impl Iterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    let matches = Arguments::command().get_matches_from(words);
    match Arguments::read(&matches).and_then(|arguments| model::run(&arguments)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
