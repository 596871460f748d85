//! Files that are whole or not there.

use std::{io::Write, path::Path};

use crate::{Error, Result};

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, never a part: into a temporary file of the
/// same folder, to the disk, then renamed.
///
/// # Errors
/// [`Error::File`] when the folder does not exist, [`Error::Io`] when it cannot be written to; the old file is untouched
/// then.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let problem = format!("the folder {} does not exist; create it first", folder.display());
        return Err(Error::file(path, problem));
    }
    let write = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".vae_core-");
        // A temporary file is private to its owner; this one becomes a file like any other.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(Error::io(path))
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
}
