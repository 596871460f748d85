//! A folder of pictures as data: sub-folders are classes, pictures become bytes of one shape.
//!
//! ```text
//! faces/anna.jpg …            pictures without classes
//! pets/cats/1.png …           a class for each sub-folder, numbered in the order of their names: cats 0, dogs 1;
//! pets/dogs/2021/may.jpg …    what lies deeper belongs to the sub-folder of pets
//! ```
//! PNG and JPEG files are told by their content. All are decoded once, on all threads: what is broken is known before a
//! training begins, and listed with its reason in [`Folder::skipped`]. The bytes are kept where they fit into
//! [`FolderConfig::memory`]; where not, each batch is read from the disk anew, with the same result. The order is that of the
//! names, byte by byte, folder by folder. Names that start with a dot are left out; links are followed, but none that leads
//! back. Where training and test images lie in two folders, each is a call of its own.
//!
//! ```
//! use vae_core::{candle::{Device, Error}, data::{self, FolderConfig}, image};
//!
//! # let folder = tempfile::tempdir().map_err(Error::wrap)?;
//! # let path = folder.path();
//! for (class, grey) in [("day", 255), ("night", 0)] {
//!     std::fs::create_dir(path.join(class)).map_err(Error::wrap)?;
//!     let picture = image::GrayImage::from_pixel(90, 60, image::Luma([grey]));
//!     picture.save(path.join(class).join("sky.png")).map_err(Error::wrap)?;
//! }
//! let skies = data::folder(path, FolderConfig { size: (16, 16), colour: false, ..Default::default() }, &Device::Cpu)?;
//! assert_eq!((skies.class_names(), skies.labels()), (&["day".into(), "night".into()][..], &[0, 1][..]));
//! assert_eq!(skies.images(&[1, 0])?.bytes(), [[0; 256], [255; 256]].concat());
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{Device, Shape};
use rayon::prelude::*;

use super::{
    Batch, Data, Images, Picture, batches, images, picture,
    scan::{Found, Tree, scan},
};
use crate::{Error, Result};

/// Bytes of pictures that are decoded before they are put to the others.
const BLOCK: usize = 64 << 20;
/// So many skipped files are shown; the rest is counted.
const SHOWN: usize = 5;

/// What the pictures of a folder become.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderConfig {
    /// Height and width, 1 to 4096 each.
    pub size: (usize, usize),
    /// Red, green and blue; else the luminance alone, as in [`Picture::tensor`].
    pub colour: bool,
    /// How pictures of other proportions come to that size.
    pub fit: Fit,
    /// The most bytes to keep in memory. Where there are more, they are read from the disk batch by batch.
    pub memory: u64,
}

impl Default for FolderConfig {
    /// 64×64 pixels in colour, cropped, in at most 2 GiB: 170,000 pictures.
    fn default() -> Self {
        Self { size: (64, 64), colour: true, fit: Fit::Crop, memory: 2 << 30 }
    }
}

/// How a picture of other proportions comes to a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// [`Picture::crop`]: the middle of it, with its proportions.
    Crop,
    /// [`Picture::resize`]: all of it, stretched.
    Stretch,
}

impl FolderConfig {
    /// The pixels of one file.
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let (picture, (h, w)) = (Picture::open(path)?, self.size);
        let picture = match self.fit {
            Fit::Crop => picture.crop(h, w)?,
            Fit::Stretch => picture.resize(h, w)?,
        };
        Ok(picture.bytes(self.shape().0))
    }

    /// Channels, height and width of what a picture becomes.
    pub fn shape(&self) -> (usize, usize, usize) {
        (if self.colour { 3 } else { 1 }, self.size.0, self.size.1)
    }
}

/// A file or sub-folder that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is, below the folder.
    pub path: PathBuf,
    /// Why, and what to do.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// The pictures of a folder; made by [`folder`]. Clones share the pictures.
#[derive(Clone)]
pub struct Folder {
    root: PathBuf,
    paths: Arc<[PathBuf]>,
    labels: Arc<[u32]>,
    class_names: Arc<[String]>,
    skipped: Vec<Skipped>,
    config: FolderConfig,
    device: Device,
    kept: Option<Images>,
}

/// Reads the pictures of a folder; `device` is where batches become tensors.
///
/// # Errors
/// When there is no such folder or it cannot be read, when no picture in it can be, and when some pictures lie in
/// sub-folders and some beside these, which then have no class. A file or sub-folder that cannot be used is no error but in
/// [`Folder::skipped`].
pub fn folder(path: impl AsRef<Path>, config: FolderConfig, device: &Device) -> Result<Folder> {
    let path = path.as_ref();
    picture::sides(config.size.0, config.size.1)?;
    let (c, h, w) = config.shape();
    let Tree { root, classes, found } = scan(path)?;
    let most = found.iter().filter(|found| found.problem.is_none()).count().saturating_mul(c * h * w);
    let keep = most as u64 <= config.memory;
    let mut pixels = Vec::new();
    pixels.try_reserve_exact(if keep { most } else { 0 }).map_err(|_| {
        let problem =
            format!("there is no room for {most} bytes of pictures; set `memory` to less, to read them from the disk");
        Error::file(path, problem)
    })?;
    let (mut read, mut skipped) = (vec![], vec![]);
    let (block, mut found) = ((BLOCK / (c * h * w)).clamp(rayon::current_num_threads(), 1024), found.into_iter());
    while found.len() > 0 {
        let block: Vec<Found> = found.by_ref().take(block).collect();
        let decoded = block.par_iter().map(|found| match &found.problem {
            Some(problem) => Err(problem.clone()),
            None => config.read(&root.join(&found.path)).map(|bytes| if keep { bytes } else { vec![] }).map_err(reason),
        });
        for (decoded, found) in decoded.collect::<Vec<_>>().into_iter().zip(block) {
            match decoded {
                Ok(bytes) => {
                    pixels.extend(bytes);
                    read.push(found);
                }
                Err(reason) => skipped.push(Skipped { path: found.path, reason }),
            }
        }
    }
    let labels = labels(path, &read, &skipped)?;
    let mut class_names = vec![];
    if !labels.is_empty() {
        class_names = classes.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        let used: HashSet<u32> = labels.iter().copied().collect();
        let unused = classes.into_iter().zip(0..).filter(|(_, class)| !used.contains(class));
        skipped
            .extend(unused.map(|(name, _)| Skipped { path: name.into(), reason: "a class without a picture".into() }));
    }
    pixels.shrink_to_fit();
    let kept = if keep { Some(Images::new(pixels, labels.clone(), config.shape(), device)?) } else { None };
    let paths = read.into_iter().map(|found| found.path).collect();
    let (labels, class_names, device) = (labels.into(), class_names.into(), device.clone());
    Ok(Folder { root, paths, labels, class_names, skipped, config, device, kept })
}

/// The class of each picture, or nothing when none has one.
fn labels(folder: &Path, read: &[Found], skipped: &[Skipped]) -> Result<Vec<u32>> {
    let labels: Vec<u32> = read.iter().filter_map(|found| found.class).collect();
    if read.is_empty() {
        let first = skipped
            .first()
            .map_or(String::new(), |first| format!("; {} left out, the first because {first}", skipped.len()));
        return Err(Error::file(folder, format!("holds no PNG or JPEG picture that can be read{first}")));
    }
    if !labels.is_empty() && labels.len() < read.len() {
        let of = |classed: bool| {
            read.iter().find(|found| found.class.is_some() == classed).map(|found| found.path.display())
        };
        let [bare, classed] = [of(false), of(true)].map(|path| path.map_or(String::new(), |path| path.to_string()));
        let problem = format!(
            "has pictures in sub-folders, which are the classes, and beside them ({classed}, {bare}): expected all in \
             sub-folders, or none; move one or the other away"
        );
        return Err(Error::file(folder, problem));
    }
    Ok(labels)
}

/// What is wrong with a file, without its path.
fn reason(error: Error) -> String {
    match error {
        Error::File { problem, .. } => problem,
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

impl Folder {
    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is no picture: never so for what [`folder`] returns.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Channels, height and width of a picture.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.config.shape()
    }

    /// The device on which batches become tensors.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The file of each picture.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = PathBuf> {
        self.paths.iter().map(|path| self.root.join(path))
    }

    /// The class of each picture; empty when there are no classes.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The name of each class, from 0 on; empty when there are no classes. Where a sub-folder's name is not Unicode,
    /// the parts that are.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The files and folders that were left out, in order, then classes without a picture. What was split off, or selected,
    /// has none.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// All pictures, where they are kept in memory.
    pub fn kept(&self) -> Option<&Images> {
        self.kept.as_ref()
    }

    /// The pictures at `indices`, in that order: from memory, or from the disk on all threads.
    ///
    /// # Errors
    /// When an index is past the end, or a file can no longer be read.
    pub fn images(&self, indices: &[usize]) -> Result<Images> {
        if let Some(kept) = &self.kept {
            return kept.select(indices);
        }
        let paths = indices.iter().map(|&index| self.path(index)).collect::<Result<Vec<_>>>()?;
        let pixels = paths.par_iter().map(|path| self.config.read(path)).collect::<Result<Vec<_>>>()?;
        Images::new(pixels.concat(), self.labels_at(indices), self.shape(), &self.device)
    }

    /// A folder of the pictures at `indices` alone, in that order.
    ///
    /// # Errors
    /// When an index is past the end.
    pub fn select(&self, indices: &[usize]) -> Result<Self> {
        let paths =
            indices.iter().map(|&index| self.path(index).map(|_| self.paths[index].clone())).collect::<Result<_>>()?;
        let kept = self.kept.as_ref().map(|kept| kept.select(indices)).transpose()?;
        Ok(Self { paths, labels: self.labels_at(indices).into(), skipped: vec![], kept, ..self.clone() })
    }

    /// Sets `count` pictures aside, drawn at random with `seed`: (the remaining pictures, the held-out ones), as
    /// [`Images::split`] does.
    ///
    /// # Errors
    /// When `count` is 0 or would leave nothing.
    pub fn split(&self, count: usize, seed: u64) -> Result<(Self, Self)> {
        let [rest, held] = batches::split(self.len(), count, seed)?;
        Ok((self.select(&rest)?, self.select(&held)?))
    }

    /// One line: the folder's name, count, shape and classes, where the bytes are, how much was left out.
    pub fn summary(&self) -> String {
        let name = self.root.file_name().unwrap_or(self.root.as_os_str()).display();
        let ((c, h, w), count) = (self.shape(), self.len());
        let megabytes = (count * c * h * w) as f64 / 1e6;
        let place = if self.kept.is_some() { "in memory" } else { "read from the disk batch by batch" };
        let left = if self.skipped.is_empty() { String::new() } else { format!("; {} left out", self.skipped.len()) };
        format!("{name}: {count} pictures of {c}×{h}×{w}{}, {megabytes:.1} MB {place}{left}", self.classes())
    }

    /// " in 2 classes (cats 12, dogs 10)"
    fn classes(&self) -> String {
        let classes = self.class_names.len();
        let mut counts = vec![0; classes];
        self.labels.iter().for_each(|&label| counts[label as usize] += 1);
        let named = self.class_names.iter().zip(counts).map(|(name, count)| format!("{name} {count}"));
        match classes {
            0 => String::new(),
            1..=10 => format!(" in {classes} classes ({})", named.collect::<Vec<_>>().join(", ")),
            _ => format!(" in {classes} classes"),
        }
    }

    fn path(&self, index: usize) -> Result<PathBuf> {
        let path = self.paths.get(index).ok_or_else(|| images::past_the_end(index, self.len()))?;
        Ok(self.root.join(path))
    }

    /// The labels of pictures that are there.
    fn labels_at(&self, indices: &[usize]) -> Vec<u32> {
        indices.iter().filter_map(|&index| self.labels.get(index).copied()).collect()
    }
}

impl Data for Folder {
    fn len(&self) -> usize {
        self.len()
    }

    fn shape(&self) -> Shape {
        self.shape().into()
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        match &self.kept {
            Some(kept) => kept.batch(indices),
            None => self.images(indices)?.batch(&(0..indices.len()).collect::<Vec<_>>()),
        }
    }
}

impl fmt::Display for Folder {
    /// The summary, and what was left out, line by line, or the first of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        self.skipped.iter().take(SHOWN).try_for_each(|skipped| write!(f, "\n  {skipped}"))?;
        match self.skipped.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  … and {more} more, see `.skipped()`"),
        }
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({})", self.summary())
    }
}
