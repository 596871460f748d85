//! The images that `--data` names.

use std::path::{Path, PathBuf};

use vae_core::prelude::*;

use super::arguments::Arguments;

/// How many classes there are in what `--data` names: the sub-folders of a folder of pictures.
pub(crate) fn classes(data: &str) -> Result<usize> {
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
pub(crate) fn pictures(arguments: &Arguments) -> Result<Option<FolderConfig>> {
    let (name, names) = (&*arguments.data, data::NAMES.join(", "));
    let is_set = data::is_set(name);
    if is_set && (arguments.size.is_some() || arguments.grey) {
        return Err(Error::Argument(format!(
            "--size and --grey are for folders of pictures; {name} is a set of 1×28×28"
        )));
    }
    if !is_set && (arguments.only.is_some() || arguments.except.is_some()) {
        return Err(Error::Argument(
            "--only and --except are for sets; of a folder of pictures, name the sub-folder of one class".into(),
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
pub(crate) struct Sets {
    pub(crate) train: Box<dyn Data>,
    pub(crate) test: Box<dyn Data>,
    /// The first thousand images of `test`.
    pub(crate) shown: Images,
}

pub(crate) fn sets(arguments: &Arguments, device: &Device) -> Result<Sets> {
    let Some(config) = pictures(arguments)? else {
        let Dataset { mut train, mut test, .. } = data::load(&arguments.data, device)?.rehearsal(2_000, 500);
        if let Some(label) = arguments.only {
            (train, test) = (train.of_class(label), test.of_class(label));
        }
        if let Some(label) = arguments.except {
            (train, test) = (without(&train, label)?, without(&test, label)?);
        }
        let shown = test.take(1_000);
        return Ok(Sets { train: Box::new(train), test: Box::new(test), shown });
    };
    let all = data::folder(&arguments.data, config, device)?;
    let (train, test) = all.split((all.len() / 10).max(1), arguments.seed)?;
    let shown = test.images(&(0..test.len().min(1_000)).collect::<Vec<_>>())?;
    Ok(Sets { train: Box::new(train), test: Box::new(test), shown })
}

/// The images of all labels but this one.
fn without(images: &Images, label: u32) -> Result<Images> {
    let others = images.labels().iter().enumerate().filter(|(_, other)| **other != label);
    images.select(&others.map(|(index, _)| index).collect::<Vec<_>>())
}

/// The model of what is known of these images, which is the model itself unless it is conditional.
pub(crate) fn labelled<'a>(vae: &'a dyn Vae, images: &Images) -> Result<Box<dyn Vae + 'a>> {
    match images.batch(&(0..images.len()).collect::<Vec<_>>())?.y {
        Some(y) => vae.given(&y),
        None => Ok(Box::new(vae)),
    }
}
