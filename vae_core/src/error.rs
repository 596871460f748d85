//! The crate's error: what was expected, what came, and what to do.

use std::path::{Path, PathBuf};

/// Everything that can go wrong in `vae_core`.
///
/// Messages name the value that came, the one that was expected and, where there is one, the way out. The type converts
/// from and into [`candle_core::Error`], so `?` works in functions that return either.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument outside the values that a function accepts.
    #[error("{0}")]
    Argument(String),
    /// A tensor of another shape than the function works on.
    #[error("{what}: expected shape {expected}, got {got:?}")]
    Shape {
        /// The tensor, as the caller knows it.
        what: &'static str,
        /// The expected shape, in words or numbers.
        expected: String,
        /// The shape that came.
        got: Vec<usize>,
    },
    /// A file whose content is not what its name promises.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A file or folder that could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A loss that is no longer a number.
    #[error("{0}")]
    NotFinite(String),
    /// Two sides of a check that should be equal and are not.
    #[error("{0}")]
    Check(String),
    /// An error of candle.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Argument`] with the given message.
    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::Argument(message.into())
    }

    /// An [`Error::File`] about the content of `path`.
    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.into() }
    }

    /// Wraps a system error with the path it is about; made for `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(error) => error,
            other => candle_core::Error::wrap(other),
        }
    }
}
