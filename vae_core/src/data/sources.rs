//! Data sets by name, and where each comes from: a folder, the hub, or the embedded stand-in. One line always says which.
//!
//! The order is: the folder named by the variable `VAE_CORE_DATA_DIR`; the repository's `data/`; with the feature `hub`,
//! the Hugging Face hub; the embedded set. A folder that is there but broken is an error, never passed over in silence.
//!
//! ```
//! use vae_core::{candle::Device, data};
//!
//! let error = data::load("emnist", &Device::Cpu).unwrap_err();
//! assert!(error.to_string().contains("mnist, fashion-mnist, digits, garments"));
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

use candle_core::Device;

use super::{Images, embedded, idx};
use crate::{Error, Result};

/// The names that [`load`] knows.
pub const NAMES: [&str; 4] = ["mnist", "fashion-mnist", "digits", "garments"];
const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const GARMENTS: [&str; 10] =
    ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];
const VARIABLE: &str = "VAE_CORE_DATA_DIR";

/// Where the images of a [`Dataset`] came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// IDX files in the folder named by `VAE_CORE_DATA_DIR`.
    Variable(PathBuf),
    /// IDX files in the repository's `data/`.
    Repository(PathBuf),
    /// The Hugging Face hub or its local cache, through candle-datasets.
    Hub,
    /// Drawn by this crate from a seed.
    Embedded,
}

impl fmt::Display for Source {
    // Without the paths themselves: the line is printed into notebooks, whose outputs are shared.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variable(_) => "the folder in VAE_CORE_DATA_DIR",
            Self::Repository(_) => "the repository's data/",
            Self::Hub => "the Hugging Face hub",
            Self::Embedded => "the embedded set, drawn from a seed",
        })
    }
}

/// A training and a test set with the names of their classes.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What the images are: one of [`NAMES`]. Where MNIST was asked for and could not be had, this is "digits".
    pub name: String,
    /// Where they came from.
    pub source: Source,
    /// The training images.
    pub train: Images,
    /// The test images.
    pub test: Images,
    /// The name of each label, from 0 on.
    pub class_names: Vec<String>,
}

impl Dataset {
    /// Whether these are real images, not the embedded stand-in.
    pub fn is_real(&self) -> bool {
        self.source != Source::Embedded
    }

    /// With `VAE_FAST=1`, the first `train` and `test` images, saying so in a line; else all of them.
    pub fn rehearsal(mut self, train: usize, test: usize) -> Self {
        if fast() {
            self.train = self.train.take(train);
            self.test = self.test.take(test);
            println!(
                "VAE_FAST=1, a quick rehearsal: {} training and {} test images",
                self.train.len(),
                self.test.len()
            );
        }
        self
    }

    /// One line: name, source, counts, shape, mean and standard deviation of the training pixels in [0, 1].
    pub fn summary(&self) -> String {
        let ((c, h, w), (mean, std)) = (self.train.shape(), self.train.statistics());
        let (train, test) = (self.train.len(), self.test.len());
        let Self { name, source, .. } = self;
        format!(
            "{name}: {train} training and {test} test images of {c}×{h}×{w}, mean {mean:.4}, std {std:.4}, from {source}"
        )
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}

/// Whether `VAE_FAST` asks for a quick rehearsal: set, and neither empty nor 0.
pub fn fast() -> bool {
    std::env::var_os("VAE_FAST").is_some_and(|value| !value.is_empty() && value != "0")
}

/// MNIST (LeCun, Cortes & Burges 1998): 60,000 and 10,000 handwritten digits of 1×28×28. Prints where they came from;
/// where MNIST cannot be had, the embedded [`digits`].
///
/// # Errors
/// When a folder that should hold the files is broken, or `VAE_CORE_DATA_DIR` names no folder of data.
pub fn mnist(device: &Device) -> Result<Dataset> {
    load("mnist", device)
}

/// Fashion-MNIST (Xiao, Rasul & Vollgraf 2017): 60,000 and 10,000 pieces of clothing of 1×28×28. Prints where they came
/// from; where Fashion-MNIST cannot be had, the embedded [`garments`].
///
/// # Errors
/// As [`mnist`].
pub fn fashion_mnist(device: &Device) -> Result<Dataset> {
    load("fashion-mnist", device)
}

/// The embedded digits: 60,000 and 10,000 images of 1×28×28, drawn from a seed in the manner of MNIST.
///
/// # Errors
/// None that depend on the machine; the type is that of the other sets.
pub fn digits(device: &Device) -> Result<Dataset> {
    load("digits", device)
}

/// The embedded garments: 60,000 and 10,000 images of 1×28×28, drawn from a seed in the manner of Fashion-MNIST.
///
/// # Errors
/// None that depend on the machine; the type is that of the other sets.
pub fn garments(device: &Device) -> Result<Dataset> {
    load("garments", device)
}

/// The data set called `name`, one of [`NAMES`] (`fashion_mnist` and `fashion` will do too), for command lines.
///
/// # Errors
/// When the name is unknown, and as [`mnist`].
pub fn load(name: &str, device: &Device) -> Result<Dataset> {
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let (dataset, remarks) = find(name, variable.as_deref(), &repository_folders(), device)?;
    println!("{dataset}");
    remarks.iter().for_each(|remark| println!("  {remark}"));
    Ok(dataset)
}

/// The `data` folders that may belong to this repository: above the current folder, then beside the crate's source.
fn repository_folders() -> Vec<PathBuf> {
    let current = std::env::current_dir().unwrap_or_default();
    let above = current.ancestors().filter(|folder| folder.join("vae_core/Cargo.toml").is_file());
    above.map(|folder| folder.join("data")).chain([Path::new(env!("CARGO_MANIFEST_DIR")).join("../data")]).collect()
}

/// The data set, and what to tell the reader besides.
fn find(
    name: &str,
    variable: Option<&Path>,
    repository: &[PathBuf],
    device: &Device,
) -> Result<(Dataset, Vec<String>)> {
    let name = match name {
        "fashion" | "fashion_mnist" => "fashion-mnist",
        name => name,
    };
    if !NAMES.contains(&name) {
        return Err(Error::argument(format!("no data set is called {name:?}: expected one of {}", NAMES.join(", "))));
    }
    let class_names = if ["mnist", "digits"].contains(&name) { DIGITS } else { GARMENTS };
    let dataset = |name: &str, source, (train, test)| Dataset {
        name: name.to_string(),
        source,
        train,
        test,
        class_names: class_names.map(String::from).to_vec(),
    };
    let embedded = match name {
        "mnist" | "digits" => "digits",
        _ => "garments",
    };
    let mut remarks = Vec::new();
    if name == embedded {
        return Ok((dataset(name, Source::Embedded, embedded::load(name, device)?), remarks));
    }

    if let Some(folder) = variable {
        if folder_of(folder, name)? {
            let images = idx::read_folder(&folder.join(name), device)?;
            return Ok((dataset(name, Source::Variable(folder.join(name)), images), remarks));
        }
        remarks.push(format!("{VARIABLE} is set, but its folder has no {name}/."));
    }
    if let Some(folder) = repository.iter().map(|folder| folder.join(name)).find(|folder| folder.is_dir()) {
        let images = idx::read_folder(&folder, device)?;
        return Ok((dataset(name, Source::Repository(folder), images), remarks));
    }
    #[cfg(feature = "hub")]
    match super::hub::load(name, device) {
        Ok(images) => return Ok((dataset(name, Source::Hub, images), remarks)),
        Err(error) => remarks.push(format!("The hub gave no {name}: {error}")),
    }
    remarks.push(format!("These are not {name} but drawings in its manner. For the real images run `make data`,"));
    remarks.push(format!("or set {VARIABLE} to a folder with the IDX files in {name}/."));
    Ok((dataset(embedded, Source::Embedded, embedded::load(embedded, device)?), remarks))
}

/// Whether the folder in the variable has a sub-folder for `name`; an error when it is no folder of data at all.
fn folder_of(folder: &Path, name: &str) -> Result<bool> {
    let has = |name: &str| folder.join(name).exists();
    if has(name) {
        return Ok(true);
    }
    let problem = if !folder.exists() {
        "no such folder"
    } else if has("mnist") || has("fashion-mnist") {
        return Ok(false);
    } else {
        "no folder of data"
    };
    let wanted = format!("{VARIABLE} names this: expected a folder with mnist/ or fashion-mnist/, IDX files in each");
    Err(Error::file(folder, format!("{problem}; {wanted}. Correct or unset the variable")))
}
