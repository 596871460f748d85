//! [`crate::data`] as notebooks have it: everything of it, and its loaders print what they found.
//!
//! With `VAE_FAST=1` in the environment, [`fast`] and [`Rehearsal`] make a quick rehearsal of a notebook.
//!
//! ```
//! use vae_core::{candle::Device, notebook::data::{self, Rehearsal}};
//!
//! let digits = data::digits(&Device::Cpu)?; // prints "digits: 60000 training and 10000 test images of 1×28×28, …"
//! assert!(digits.rehearsal(600, 100).test.len() >= 100);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::path::Path;

use candle_core::Device;

use super::said;
use crate::{Result, data};

// What is defined below takes the place of what has that name there.
pub use crate::data::*;

/// [`data::mnist`], saying where it came from.
///
/// # Errors
/// Those of [`data::mnist`].
pub fn mnist(device: &Device) -> Result<Dataset> {
    data::mnist(device).map(said)
}

/// [`data::fashion_mnist`], saying where it came from.
///
/// # Errors
/// Those of [`data::fashion_mnist`].
pub fn fashion_mnist(device: &Device) -> Result<Dataset> {
    data::fashion_mnist(device).map(said)
}

/// [`data::digits`], saying what they are.
///
/// # Errors
/// Those of [`data::digits`].
pub fn digits(device: &Device) -> Result<Dataset> {
    data::digits(device).map(said)
}

/// [`data::garments`], saying what they are.
///
/// # Errors
/// Those of [`data::garments`].
pub fn garments(device: &Device) -> Result<Dataset> {
    data::garments(device).map(said)
}

/// [`data::load`], saying where the images came from.
///
/// # Errors
/// Those of [`data::load`].
pub fn load(name: &str, device: &Device) -> Result<Dataset> {
    data::load(name, device).map(said)
}

/// [`data::folder`](data::folder()), saying how many pictures there are and what was left out.
///
/// # Errors
/// Those of [`data::folder`](data::folder()).
pub fn folder(path: impl AsRef<Path>, config: FolderConfig, device: &Device) -> Result<Folder> {
    data::folder(path, config, device).map(said)
}

/// [`data::sprites`](data::sprites()), saying how many there are and of what.
///
/// # Errors
/// Those of [`data::sprites`](data::sprites()).
pub fn sprites(side: usize, device: &Device) -> Result<Sprites> {
    data::sprites(side, device).map(said)
}

/// [`data::dsprites`](data::dsprites()), saying how many there are and of what.
///
/// # Errors
/// Those of [`data::dsprites`](data::dsprites()).
pub fn dsprites(path: impl AsRef<Path>, device: &Device) -> Result<Dsprites> {
    data::dsprites(path, device).map(said)
}

/// Whether `VAE_FAST` asks for a quick rehearsal: set, and neither empty nor 0.
pub fn fast() -> bool {
    std::env::var_os("VAE_FAST").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Fewer images where [`fast`] asks for a rehearsal.
pub trait Rehearsal {
    /// With `VAE_FAST=1`, the first `train` and `test` images, saying so in a line; else all of them.
    #[must_use]
    fn rehearsal(self, train: usize, test: usize) -> Self;
}

impl Rehearsal for Dataset {
    fn rehearsal(self, train: usize, test: usize) -> Self {
        if !fast() {
            return self;
        }
        let fewer = self.take(train, test);
        let (train, test) = (fewer.train.len(), fewer.test.len());
        println!("VAE_FAST=1, a quick rehearsal: {train} training and {test} test images");
        fewer
    }
}
