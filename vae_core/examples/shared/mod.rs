//! What several programs do with files, and at their end.

use std::path::Path;

use vae_core::{
    Error, Result,
    serde_json::{self, Value},
};

/// How the program ends: with 0, or with the error in words and another status.
pub(crate) fn ended(run: Result<()>) -> std::process::ExitCode {
    match run {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// Writes a file whole or not at all, in a folder that is made if need be: a stop leaves no half of one that somebody would read.
///
/// # Errors
/// [`Error::Io`] when it cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let io = |source| Error::Io { path: path.into(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    let new = path.with_extension("new");
    std::fs::write(&new, format!("{text}\n")).and_then(|()| std::fs::rename(&new, path)).map_err(io)
}

/// What a run of the example `train` was given: the `arguments.json` in its folder. A message calls the run `what`.
///
/// # Errors
/// [`Error::File`] when the folder has none, or one that does not say which images the run was trained on.
#[allow(dead_code)] // of the programs that write, not all read
pub(crate) fn arguments(folder: &Path, what: &str) -> Result<Value> {
    let path = folder.join("arguments.json");
    let wrong = |problem: String| Error::File { path: path.clone(), problem };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| wrong(format!("cannot be read ({error}); expected the folder of {what}")))?;
    let arguments: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if !arguments["data"].is_string() {
        return Err(wrong("does not say which `data` the run was trained on".into()));
    }
    Ok(arguments)
}
