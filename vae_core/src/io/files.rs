//! Files that are whole or not there.

use std::{
    fs::{File, TryLockError},
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// What a file is called until it is whole: `.vae_core-`, six random characters, `.part`.
const UNFINISHED: (&str, &str) = (".vae_core-", ".part");

/// Opens a file to read it. `what` is what is expected in it, for the message.
///
/// # Errors
/// [`Error::Io`] when it cannot be opened; [`Error::File`] for a folder, and for devices and pipes, from which reading may
/// never end.
pub(crate) fn open(path: &Path, what: &str) -> Result<File> {
    let kind = std::fs::metadata(path).map_err(Error::io(path))?.file_type();
    if kind.is_file() {
        return File::open(path).map_err(Error::io(path));
    }
    Err(Error::file(
        path,
        format!("{}: expected {what}", if kind.is_dir() { "is a folder" } else { "is no plain file" }),
    ))
}

/// The bytes of a file. `what` is what is expected in it, for the message.
///
/// # Errors
/// As [`open`].
pub(crate) fn read(path: &Path, what: &str) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    io::Read::read_to_end(&mut open(path, what)?, &mut bytes).map_err(Error::io(path))?;
    Ok(bytes)
}

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, never a part: into a temporary file of the
/// same folder, to the disk, then renamed.
///
/// # Errors
/// [`Error::File`] when the folder does not exist or something else than a file has that name, [`Error::Io`] when it cannot
/// be written to; the old file is untouched then.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let problem = format!("the folder {} does not exist; create it first", folder.display());
        return Err(Error::file(path, problem));
    }
    // The new file would take the place of a device, and of an empty folder where the system allows that.
    if path.exists() && !path.is_file() {
        let what = if path.is_dir() { "is a folder" } else { "is no plain file" };
        return Err(Error::file(path, format!("{what}: cannot be written over; choose another name")));
    }
    let write = || {
        let mut file = unfinished(folder)?;
        // By the file itself: the temporary name would only confuse in an error.
        file.as_file_mut().write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(Error::io(path))
}

/// A new temporary file, locked for as long as this process works on it.
fn unfinished(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED.0).suffix(UNFINISHED.1);
    // A temporary file is private to its owner; this one becomes a file like any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    loop {
        let file = builder.tempfile_in(folder)?;
        let swept = matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock));
        // Between being made and being locked it may have been taken for a leftover.
        if !swept && file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes the temporary files of processes that were killed while they wrote into `folder`. Files that are still being
/// written are locked and stay. What cannot be removed stays too: it is in nobody's way.
pub(crate) fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let Some(name) = name.to_str() else { continue };
        let random = name.strip_prefix(UNFINISHED.0).and_then(|rest| rest.strip_suffix(UNFINISHED.1));
        let leftover = random.is_some_and(|random| random.len() == 6);
        if !leftover {
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_ok() {
            let _ = std::fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file is replaced whole, and nothing else is left in the folder.
    #[test]
    fn replaces_whole_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for content in ["first", "2nd"] {
            write_atomically(&path, content.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// A missing folder, and a folder in the file's place, are errors that name the path.
    #[test]
    fn says_what_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none").join("file");
        let message = write_atomically(&missing, b"x").unwrap_err().to_string();
        assert!(message.contains("none") && message.contains("create it first"), "{message}");
        let message = write_atomically(folder.path(), b"x").unwrap_err().to_string();
        assert!(message.contains(&folder.path().display().to_string()), "{message}");
    }

    /// Only what a killed process left half-written is swept: not what is being written, nor files of other names.
    #[test]
    fn sweeps_leftovers_only() {
        let folder = tempfile::tempdir().unwrap();
        let here = |name: &str| folder.path().join(name);
        for name in [".vae_core-abcdef.part", ".vae_core-notes.part", ".vae_core-abcdef", "model.safetensors"] {
            std::fs::write(here(name), "x").unwrap();
        }
        let busy = unfinished(folder.path()).unwrap();
        sweep(folder.path());
        assert!(!here(".vae_core-abcdef.part").exists() && busy.path().exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
        sweep(&here("none"));
    }

    /// Devices are neither read, which may never end, nor replaced by a file, which an administrator's rights would allow.
    #[cfg(unix)]
    #[test]
    fn devices_are_no_files() {
        let device = Path::new("/dev/zero");
        assert!(read(device, "weights").unwrap_err().to_string().contains("is no plain file: expected weights"));
        assert!(write_atomically(device, b"x").unwrap_err().to_string().contains("is no plain file"));
        assert!(!device.is_file());
    }
}
