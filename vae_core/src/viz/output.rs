//! How a value leaves the crate: into a notebook cell, or into a file.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{Error, Result};

/// `bytes` in base64, as data URIs and notebooks carry pictures.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Prints `content` as a rich output of the cell that is running. The kernel shows one output of each MIME type per cell.
pub(super) fn emit(mime: &str, content: &str) {
    println!("EVCXR_BEGIN_CONTENT {mime}\n{content}\nEVCXR_END_CONTENT");
}

/// The file's extension in lower case: "png", "svg", or "" where there is none.
pub(super) fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// Writes `bytes` to `path` all or nothing: to a new file beside it, which then takes its place.
///
/// # Errors
///
/// [`Error::File`] when the folder does not exist, [`Error::Io`] when it cannot be written to. A file that was there
/// before stays as it was.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    if !folder.is_dir() {
        let problem = format!(
            "the folder {} does not exist; create it first: std::fs::create_dir_all({:?})?",
            folder.display(),
            folder.display().to_string()
        );
        return Err(Error::file(path, problem));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".figure-");
    // A temporary file is private to its owner; a figure gets the permissions of any new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(&folder).map_err(Error::io(path))?;
    file.write_all(bytes).map_err(Error::io(path))?;
    file.persist(path).map_err(|error| Error::io(path)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A missing folder is an error that names the file and the way out.
    #[test]
    fn missing_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figures").join("a.svg");
        let message = write(&path, b"x").unwrap_err().to_string();
        assert!(message.starts_with(&path.display().to_string()), "{message}");
        assert!(message.contains("create_dir_all"), "{message}");
    }

    /// A write that fails leaves no half-written file and nothing beside it; one that succeeds replaces the old file.
    #[test]
    fn all_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let taken = folder.path().join("taken.svg");
        std::fs::create_dir(&taken).unwrap();
        assert!(write(&taken, b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
