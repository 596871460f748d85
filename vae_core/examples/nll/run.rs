//! What a folder of the example `train` says of its run: the images, and the weights.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use vae_core::{prelude::*, serde_json::Value};

use super::{Arguments, shared};

/// The seed of the draws that make grey images binary, one for all models.
pub(crate) const BINARIZED_WITH: u64 = 0;

/// Which weights of a run.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Weights {
    /// Those at the end.
    Model,
    /// The best on held-out images.
    Best,
    /// The last checkpoint's.
    Last,
}

/// The file with those weights; with the first that is there, where nobody said which: a run that was stopped has no last ones.
pub(crate) fn weights(folder: &Path, which: Option<Weights>) -> Result<PathBuf> {
    let path = |which| {
        folder.join(match which {
            Weights::Model => "model.safetensors",
            Weights::Best => "best.safetensors",
            Weights::Last => "last.safetensors",
        })
    };
    let found = match which {
        Some(which) => Some(path(which)),
        None => [Weights::Model, Weights::Best, Weights::Last].map(path).into_iter().find(|path| path.exists()),
    };
    found.ok_or_else(|| Error::File {
        path: folder.into(),
        problem: "has neither model.safetensors nor a checkpoint: has an epoch been trained?".into(),
    })
}

/// What the run was given.
pub(crate) struct Run {
    pub(crate) binarize: bool,
    pub(crate) arguments: Value,
}

impl Run {
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let arguments = shared::arguments(folder, "a run of the example `train`")?;
        Ok(Self { binarize: arguments["binarize"] == true, arguments })
    }

    /// The name of the images.
    pub(crate) fn data<'a>(&'a self, arguments: &'a Arguments) -> &'a str {
        arguments.data.as_deref().or(self.arguments["data"].as_str()).unwrap_or_default()
    }

    /// The first `count` test images of the run, or of a set.
    pub(crate) fn images(&self, set: Option<&str>, count: Option<usize>, device: &Device) -> Result<Images> {
        let name = set.or(self.arguments["data"].as_str()).unwrap_or_default();
        let test = if data::is_set(name) {
            data::load(name, device)?.rehearsal(2_000, 500).test
        } else {
            self.folder(device)?
        };
        let test = test.take(count.unwrap_or(test.len()));
        Ok(if self.binarize { test.binarized(BINARIZED_WITH) } else { test })
    }

    /// The test pictures of a folder: those that the run set aside.
    fn folder(&self, device: &Device) -> Result<Images> {
        let number = |value: &Value| value.as_u64().map(|number| number as usize);
        let size = &self.arguments["size"];
        let size = number(&size[0]).zip(number(&size[1])).unwrap_or(FolderConfig::default().size);
        let config = FolderConfig { size, colour: self.arguments["grey"] != true, ..Default::default() };
        let all = data::folder(self.arguments["data"].as_str().unwrap_or_default(), config, device)?;
        let (_, test) = all.split((all.len() / 10).max(1), self.arguments["seed"].as_u64().unwrap_or(0))?;
        test.images(&(0..test.len()).collect::<Vec<_>>())
    }
}
