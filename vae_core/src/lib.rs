//! Variational autoencoders on [candle], for Rust notebooks and programs.
//!
//! A VAE is two networks and a bound. The encoder turns an image into a distribution over codes, q(z|x); the decoder turns a
//! code into a distribution over images, p(x|z); training makes the evidence lower bound large:
//!
//! ```text
//! log p(x) ≥ ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z))        nats per image
//! ```
//!
//! # The map
//!
//! Each module uses only those above it; `tests/arrows.rs` holds them to it. What is not a link is private.
//!
//! | module | what it is |
//! |---|---|
//! | `error` | [`Error`]: what was expected, what came and what to do |
//! | [`formula`] | arithmetic on tensors that reads like mathematics, with one `?` at its end |
//! | `ops` | the operations, a room each: formula, reference, CPU path, CUDA path; alone in knowing what kind a device is |
//! | [`device`] | which device, and why |
//! | [`random`] | seeded noise, explicit and passed in |
//! | [`distributions`] | the distributions of encoder and decoder, with their log-probabilities and divergences |
//! | [`nn`] | layers, and the parameters that they share out |
//! | `io` | files that are whole or not there, checksums, PyTorch's names |
//! | [`data`] | MNIST, Fashion-MNIST and their embedded stand-ins, folders of pictures, sprites; images kept as bytes, seeded batches |
//! | [`models`] | encoder and decoder, and nothing else: a model does not know its loss |
//! | [`optim`] | Adam |
//! | [`objectives`] | the loss with its terms in view: reconstruction, KL, β |
//! | [`train`] | the loop: live lines, validation, checkpoints, exact resume |
//! | [`eval`] | how good a model is: errors of reconstructions, log-likelihood, collapse, anomaly scores, AUROC, thresholds, detectors, disentanglement |
//! | [`viz`] | figures that a notebook shows and a file keeps |
//! | [`notebook`] | loaders that say what they found; comparisons for check cells and exercises |
//!
//! # Train one
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let device = best_device()?;
//! let digits = data::digits(&device)?; // `data::mnist` for the real ones
//! let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![64], latent: 2, ..Default::default() }, &device, 42)?;
//! let history = Trainer::new(Elbo::default()).epochs(1).fit(&mut vae, &digits.train.take(2_000))?;
//! assert!(history.epochs[0].train.elbo > -784.0 * 2f64.ln()); // better than a coin for each pixel
//! let samples = vae.generate(16, &mut Random::new(1))?;
//! assert_eq!(samples.dims(), [16, 1, 28, 28]);
//! # Ok::<(), vae_core::Error>(())
//! ```
//! In a notebook, `:dep vae_core = { path = "…/vae_core" }` is the only dependency that is needed: candle, plotters,
//! image and serde_json come along as [`candle`], [`candle_nn`], [`plotters`], [`image`] and [`serde_json`], and there can
//! be no second candle beside them.
//!
//! # Conventions
//!
//! Images are (B, C, H, W) in \[0, 1\], codes (B, D), log-probabilities (B,) in nats, summed over everything but the batch.
//! Names are the field's: `mu`, `log_var`, `logits`, `elbo`, `kl`, `beta`. Nothing draws a random number but from a
//! [`random::Random`] that the caller made from a seed; on the CPU the same seed gives the same bits, whatever the number
//! of threads ([what repeats, and what does not](random#what-repeats-and-what-does-not)). Functions return [`Error`]s that
//! say what was expected, what came and what to do; they do not panic.
//!
//! # What it does not do
//!
//! It is no general deep-learning framework (that is candle), loads no pictures but the sets named above, PNG and JPEG files
//! ([`data::folder()`], [`data::Picture`]) and what [`data::Images::new`] is given, and trains on one device at a time.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(any(test, feature = "cuda"))]
#[doc(hidden)]
pub mod cuda_checks;
pub mod data;
pub mod device;
pub mod distributions;
mod error;
pub mod eval;
pub mod formula;
mod io;
pub mod models;
pub mod nn;
pub mod notebook;
pub mod objectives;
mod ops;
pub mod optim;
pub mod random;
pub mod train;
pub mod viz;

pub use candle_core as candle;
pub use candle_nn;
pub use device::best_device;
pub use error::{Error, Result};
pub use image;
pub use notebook::check;
pub use plotters;
pub use serde_json;

/// What a notebook's first cell imports.
pub mod prelude {
    pub use crate::candle::{DType, Device, Shape, Tensor, Var};
    pub use crate::check;
    pub use crate::data::{Batch, Corruption, Data, Dataset, Fit, Folder, FolderConfig, Images, Picture, binarize};
    pub use crate::distributions::{
        Bernoulli, ContinuousBernoulli, DiagonalGaussian, Distribution, Gaussian, Mixture, RealNvp,
    };
    pub use crate::eval::{
        self, Collapse, CollapseConfig, Detector, DetectorConfig, Ranking, Score, Threshold, collapse, likelihood,
        scores,
    };
    pub use crate::formula::{
        self, Formula, abs, exp, formula, gradients, ln, log1p, matmul, max, mean, mean_all, relu, sigmoid, softplus,
        sqr, sqrt, sum, sum_all, tanh,
    };
    pub use crate::models::{
        Condition, ConditionalVae, ConditionalVaeConfig, ConvVae, ConvVaeConfig, MlpVae, MlpVaeConfig, Network,
        Observation, Prior, PriorFamily, Told, Vae, WithPrior, walk,
    };
    pub use crate::nn::{
        Activation, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, CustomLayer, Layer, LayerNorm,
        Linear, Params, Residual, Stack,
    };
    pub use crate::notebook::{
        best_device,
        data::{self, Rehearsal},
        exercises,
    };
    pub use crate::objectives::{
        BetaTcVae, Capacity, Criterion, Denoising, Elbo, Estimator, FactorVae, FactorVaeConfig, FreeBits, Iwae, Means,
        Objective, Per, Sampling, Terms, effective_beta, evaluate,
    };
    pub use crate::optim::{Adam, AdamConfig};
    pub use crate::random::Random;
    pub use crate::train::{History, Schedule, TrainConfig, Trainer};
    pub use crate::viz::{self, Figure, Heatmap, ImageGrid, Plot, Rows, Table};
    pub use crate::{Error, Result};
}
