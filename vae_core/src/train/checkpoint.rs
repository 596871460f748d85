//! A folder from which training goes on as if it had never stopped.
//!
//! | file | holds |
//! |---|---|
//! | `last.safetensors` | weights, optimizer state, history and settings at the end of the last epoch |
//! | `best.safetensors` | the weights that were best on the held-out images, as [`Vae::save`] writes them |
//! | `history.json` | the [`History`], for people and other programs |
//! | `training.lock` | only while a training runs: locked by its process |
//!
//! Each file is written whole or not at all, `last` after the two others: a run that is killed in between repeats the epoch
//! and writes the others again. What a killed run left half-written, the next one removes.

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{History, learner::Learner};
use crate::{
    Error, Result,
    io::{files, storage},
    models::Vae,
};

/// Changes when a file of an older release can no longer be read.
const FORMAT: u32 = 1;

/// What a checkpoint says of itself beside its tensors.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    /// Settings that must be the same for the run to go on exactly: model, objective, optimizer, data, seed.
    identity: Value,
    steps: u64,
    history: History,
}

/// A locked checkpoint folder.
pub(super) struct Folder {
    path: PathBuf,
    /// Holds the lock; the system lets go of it when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be, locks it and removes what a killed run left half-written.
    ///
    /// # Errors
    /// [`Error::File`] while another training writes to it, [`Error::Io`] when it cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path.exists() && !path.is_dir() {
            return Err(Error::file(path, "is no folder: expected one for checkpoints; choose another name"));
        }
        std::fs::create_dir_all(path).map_err(Error::io(path))?;
        let lock_path = path.join("training.lock");
        let io = || Error::io(&lock_path);
        loop {
            let lock = File::create(&lock_path).map_err(io())?;
            match lock.try_lock() {
                // Between the two steps the run before may have ended and removed the file: then this lock locks nothing.
                Ok(()) if !is_at(&lock, &lock_path).map_err(io())? => continue,
                Ok(()) => {
                    files::sweep(path);
                    return Ok(Self { path: path.into(), _lock: lock });
                }
                Err(TryLockError::WouldBlock) => {
                    let problem = "another training writes its checkpoints here; give this one another folder";
                    return Err(Error::file(path, problem));
                }
                Err(TryLockError::Error(error)) => return Err(io()(error)),
            }
        }
    }

    /// Writes a text of the caller's beside the checkpoints.
    pub(super) fn note(&self, name: &str, text: &str) -> Result<()> {
        files::write_atomically(&self.path.join(name), text.as_bytes())
    }

    pub(super) fn last(&self) -> PathBuf {
        self.path.join("last.safetensors")
    }

    pub(super) fn best(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// Writes the state at the end of an epoch.
    pub(super) fn save(&self, learners: &[Learner], history: &History, identity: &Value) -> Result<()> {
        let steps = learners.first().map_or(0, |learner| learner.adam.steps());
        let tensors = learners.iter().flat_map(|Learner { name, optimizer, params, adam }| {
            let weights = params.iter().map(move |(own, var)| (format!("{name}.{own}"), var.as_tensor().clone()));
            let state = adam.state().into_iter().map(move |(own, tensor)| (format!("{optimizer}.{own}"), tensor));
            weights.chain(state)
        });
        let header = Header { format: FORMAT, identity: identity.clone(), steps, history: history.clone() };
        let header = serde_json::to_value(header).map_err(|error| Error::file(&self.last(), error.to_string()))?;
        history.save(self.path.join("history.json"))?;
        storage::write(tensors.collect(), &header, &self.last())
    }

    /// Writes the best weights so far.
    pub(super) fn save_best(&self, vae: &dyn Vae) -> Result<()> {
        storage::save(vae.params(), &vae.config(), &self.best())
    }

    /// The weights that were best so far, after a look whether they fit the model.
    pub(super) fn read_best(&self, vae: &dyn Vae) -> Result<HashMap<String, Tensor>> {
        let (best, now) = (storage::read(&self.best())?.0, vae.params().snapshot()?);
        storage::restore(vae.params(), &best, &self.best())?;
        vae.params().restore(&now)?;
        Ok(best)
    }

    /// Goes back to the last checkpoint; `None` when the folder has none. Nothing is changed unless all fits.
    ///
    /// # Errors
    /// [`Error::File`] when the checkpoint is damaged or belongs to a run with other settings, naming them.
    pub(super) fn restore(&self, learners: &mut [Learner], identity: &Value) -> Result<Option<History>> {
        let path = self.last();
        if !path.exists() {
            return Ok(None);
        }
        let (tensors, header) = storage::read(&path)?;
        if header["format"] != FORMAT {
            return Err(Error::file(
                &path,
                format!("expected a checkpoint of format {FORMAT}, got {}", header["format"]),
            ));
        }
        let header: Header = serde_json::from_value(header)
            .map_err(|error| Error::file(&path, format!("its header cannot be read: {error}")))?;
        let wrong = |problem: String| Error::file(&path, problem);
        header.history.check().map_err(|problem| wrong(format!("its history is wrong: {problem}")))?;
        let recorded = header.history.last().map_or(0, |record| record.steps);
        if header.steps != recorded {
            let steps = header.steps;
            return Err(wrong(format!("says {steps} steps, and {recorded} in its history; use another copy")));
        }
        if header.identity != *identity {
            let what = differences(&header.identity, identity);
            return Err(Error::file(
                &path,
                format!("belongs to another run ({what}); use its settings, or another folder to start anew"),
            ));
        }
        let part = |prefix: &str| -> HashMap<String, Tensor> {
            let own =
                |(name, tensor): (&String, &Tensor)| Some((name.strip_prefix(prefix)?.to_string(), tensor.clone()));
            tensors.iter().filter_map(own).collect()
        };
        let before = learners.iter().map(|learner| learner.params.snapshot()).collect::<Result<Vec<_>>>()?;
        let restored = learners.iter_mut().try_for_each(|Learner { name, optimizer, params, adam }| {
            storage::restore(params, &part(&format!("{name}.")), &path)?;
            adam.restore(header.steps, &part(&format!("{optimizer}."))).map_err(|error| wrong(error.to_string()))
        });
        if let Err(error) = restored {
            learners.iter().zip(&before).try_for_each(|(learner, before)| learner.params.restore(before))?;
            return Err(error);
        }
        Ok(Some(header.history))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // An empty lock file left behind does no harm: what counts is the lock, and that is gone with the process.
        let _ = std::fs::remove_file(self.path.join("training.lock"));
    }
}

/// Whether a file that was opened is still the one at `path`.
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    // Elsewhere a file that is open cannot be removed.
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (ours, there) = (file.metadata()?, std::fs::metadata(path));
        Ok(there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())))
    }
    #[cfg(not(unix))]
    Ok(file.metadata().is_ok() && path.exists())
}

/// The entries in which two JSON values differ, as "name: a there, b here".
fn differences(there: &Value, here: &Value) -> String {
    let (Value::Object(a), Value::Object(b)) = (there, here) else {
        return format!("{there} there, {here} here");
    };
    let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let value = |map: &serde_json::Map<String, Value>, name: &String| map.get(name).cloned().unwrap_or(Value::Null);
    names
        .into_iter()
        .filter(|name| value(a, name) != value(b, name))
        .map(|name| match (value(a, name), value(b, name)) {
            (a @ Value::Object(_), b @ Value::Object(_)) => format!("{name}: {}", differences(&a, &b)),
            (a, b) => format!("{name}: {a} there, {b} here"),
        })
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// However many runs come and go at the same time, no two hold a folder, and none leaves a lock behind.
    #[test]
    fn one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (holders, turns) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let come_and_go = || {
            for _ in 0..2000 {
                if let Ok(held) = Folder::open(folder.path()) {
                    assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                    turns.fetch_add(1, Ordering::SeqCst);
                    holders.fetch_sub(1, Ordering::SeqCst);
                    drop(held);
                }
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(come_and_go))));
        assert!(turns.into_inner() > 100);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
