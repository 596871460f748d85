//! Data sets by name, and where each comes from: a folder, the hub, or the embedded stand-in. A [`Dataset`] says which.
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
    // Without the paths themselves: the line is shown in notebooks, whose outputs are shared.
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
    /// What else there is to say: why these are not the images that were asked for, and how to get those.
    pub remarks: Vec<String>,
}

impl Dataset {
    /// Whether these are real images, not the embedded stand-in.
    pub fn is_real(&self) -> bool {
        self.source != Source::Embedded
    }

    /// The first `train` and `test` images, or all when there are fewer.
    pub fn take(&self, train: usize, test: usize) -> Self {
        Self { train: self.train.take(train), test: self.test.take(test), ..self.clone() }
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
    /// The summary, then the remarks, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        self.remarks.iter().try_for_each(|remark| write!(f, "\n  {remark}"))
    }
}

/// MNIST (LeCun, Cortes & Burges 1998): 60,000 and 10,000 handwritten digits of 1×28×28; where MNIST cannot be had, the
/// embedded [`digits`], with remarks that say so.
///
/// # Errors
/// When a folder that should hold the files is broken, or `VAE_CORE_DATA_DIR` names no folder of data.
pub fn mnist(device: &Device) -> Result<Dataset> {
    load("mnist", device)
}

/// Fashion-MNIST (Xiao, Rasul & Vollgraf 2017): 60,000 and 10,000 pieces of clothing of 1×28×28; where
/// Fashion-MNIST cannot be had, the embedded [`garments`], with remarks that say so.
///
/// # Errors
/// When a folder that should hold the files is broken, or `VAE_CORE_DATA_DIR` names no folder of data.
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
    let name = in_full(name);
    let (embedded, class_names) = match name {
        "mnist" | "digits" => ("digits", DIGITS),
        "fashion-mnist" | "garments" => ("garments", GARMENTS),
        _ => {
            let names = NAMES.join(", ");
            return Err(Error::argument(format!("no data set is called {name:?}: expected one of {names}")));
        }
    };
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let mut remarks = Vec::new();
    let (name, source, (train, test)) = if name == embedded {
        (name, Source::Embedded, embedded::load(name, device)?)
    } else if let Some((folder, source)) = locate(name, variable.as_deref(), &repository_folders(), &mut remarks)? {
        let sets = idx::read_folder(&folder, device)?;
        check_labels(&sets, class_names.len()).map_err(|problem| Error::file(&folder, problem))?;
        (name, source, sets)
    } else if let Some(images) = from_hub(name, device, &mut remarks) {
        (name, Source::Hub, images)
    } else {
        remarks.push(format!("These are not {name} but drawings in its manner. For the real images run `make data`,"));
        remarks.push(format!("or set {VARIABLE} to a folder with the IDX files in {name}/."));
        (embedded, Source::Embedded, embedded::load(embedded, device)?)
    };
    let class_names = class_names.map(String::from).to_vec();
    Ok(Dataset { name: name.to_string(), source, train, test, class_names, remarks })
}

/// Whether [`load`] knows this name.
pub fn is_set(name: &str) -> bool {
    NAMES.contains(&in_full(name))
}

/// The name for which another stands.
fn in_full(name: &str) -> &str {
    match name {
        "fashion" | "fashion_mnist" => "fashion-mnist",
        name => name,
    }
}

/// Refuses labels of which there is no class: they would index past the class names.
fn check_labels((train, test): &(Images, Images), classes: usize) -> Result<(), String> {
    for (set, images) in [("training", train), ("test", test)] {
        if let Some(i) = images.labels().iter().position(|&label| label as usize >= classes) {
            let (label, last) = (images.labels()[i], classes - 1);
            return Err(format!(
                "the label of {set} image {i} is {label}: expected 0 to {last}; fetch the files again"
            ));
        }
    }
    Ok(())
}

/// The `data` folders that may belong to this repository: above the current folder, then beside the crate's source.
fn repository_folders() -> Vec<PathBuf> {
    let current = std::env::current_dir().unwrap_or_default();
    let above = current.ancestors().filter(|folder| folder.join("vae_core/Cargo.toml").is_file());
    above.map(|folder| folder.join("data")).chain([Path::new(env!("CARGO_MANIFEST_DIR")).join("../data")]).collect()
}

/// The folder with the files of `name`, in the variable's folder or in the repository's.
///
/// A variable that names no folder of data at all is an error; one whose folder merely lacks this set is a remark.
fn locate(
    name: &str,
    variable: Option<&Path>,
    repository: &[PathBuf],
    remarks: &mut Vec<String>,
) -> Result<Option<(PathBuf, Source)>> {
    if let Some(root) = variable {
        let has = |name: &str| root.join(name).exists();
        if has(name) {
            return Ok(Some((root.join(name), Source::Variable(root.join(name)))));
        }
        if !has("mnist") && !has("fashion-mnist") {
            let problem = if root.exists() { "no folder of data" } else { "no such folder" };
            let wanted =
                format!("{VARIABLE} names it: expected a folder with mnist/ or fashion-mnist/, IDX files in each");
            return Err(Error::file(root, format!("{problem}. {wanted}; correct the variable or unset it")));
        }
        remarks.push(format!("{VARIABLE} is set, but its folder has no {name}/."));
    }
    let folder = repository.iter().map(|folder| folder.join(name)).find(|folder| folder.is_dir());
    Ok(folder.map(|folder| (folder.clone(), Source::Repository(folder))))
}

/// The hub's images, or a remark why there are none.
#[cfg(feature = "hub")]
fn from_hub(name: &str, device: &Device, remarks: &mut Vec<String>) -> Option<(Images, Images)> {
    super::hub::load(name, device).map_err(|error| remarks.push(format!("The hub gave no {name}: {error}."))).ok()
}

#[cfg(not(feature = "hub"))]
fn from_hub(_: &str, _: &Device, _: &mut Vec<String>) -> Option<(Images, Images)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(sets: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        sets.iter().for_each(|set| std::fs::create_dir(folder.path().join(set)).unwrap());
        folder
    }

    /// The variable's folder comes before the repository's, and nothing at all leads on to the hub or the drawings.
    #[test]
    fn the_order_of_sources() {
        let (own, other, empty) = (folder_with(&["mnist"]), folder_with(&["mnist", "fashion-mnist"]), folder_with(&[]));
        let repository = [empty.path().to_path_buf(), other.path().to_path_buf()];
        let mut remarks = Vec::new();

        let (path, source) = locate("mnist", Some(own.path()), &repository, &mut remarks).unwrap().unwrap();
        assert_eq!((&path, source), (&own.path().join("mnist"), Source::Variable(path.clone())));
        let (path, source) = locate("mnist", None, &repository, &mut remarks).unwrap().unwrap();
        assert_eq!((&path, source), (&other.path().join("mnist"), Source::Repository(path.clone())));
        assert!(locate("mnist", None, &repository[..1], &mut remarks).unwrap().is_none());
        assert!(remarks.is_empty());

        // A folder that has one set and lacks the other: say so and go on.
        let (path, _) = locate("fashion-mnist", Some(own.path()), &repository, &mut remarks).unwrap().unwrap();
        assert_eq!(path, other.path().join("fashion-mnist"));
        assert_eq!(remarks, ["VAE_CORE_DATA_DIR is set, but its folder has no fashion-mnist/."]);
    }

    /// A variable that names nothing, or a folder without any set, is an error and not a silent fall-back.
    #[test]
    fn a_wrong_variable_is_an_error() {
        let empty = folder_with(&[]);
        let other = folder_with(&["mnist"]);
        let repository = [other.path().to_path_buf()];
        let find = |folder: &Path| locate("mnist", Some(folder), &repository, &mut Vec::new()).unwrap_err().to_string();
        let error = find(&empty.path().join("nowhere"));
        assert!(error.contains("nowhere: no such folder. VAE_CORE_DATA_DIR names it"), "{error}");
        let error = find(empty.path());
        assert!(error.contains("no folder of data") && error.contains("correct the variable or unset it"), "{error}");
    }

    /// The line says what, how many, of which shape and from where; class names go with their labels.
    #[test]
    fn a_data_set_introduces_itself() {
        let images = Images::new(vec![51; 2 * 784], vec![0, 9], (1, 28, 28), &Device::Cpu).unwrap();
        let (train, test) = (images.clone(), images.take(1));
        let class_names = GARMENTS.map(String::from).to_vec();
        let source = Source::Repository("data/fashion-mnist".into());
        let remarks = vec!["One.".into(), "Two.".into()];
        let dataset = Dataset { name: "fashion-mnist".into(), source, train, test, class_names, remarks };
        let expected = "fashion-mnist: 2 training and 1 test images of 1×28×28, mean 0.2000, std 0.0000, from the repository's data/";
        assert_eq!(dataset.summary(), expected);
        assert_eq!(dataset.to_string(), format!("{expected}\n  One.\n  Two."));
        assert!(dataset.is_real() && dataset.class_names[9] == "ankle boot");
    }
}
