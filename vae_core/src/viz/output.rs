//! How a value reaches a notebook cell, and which kind of file a name asks for.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};

/// Ends the `Debug` of a figure, which is what a reader sees when the kernel could not use `evcxr_display`: a last line that
/// moves a variable out of reach is one that it cannot.
pub(super) const NOT_DRAWN: &str =
    "(not drawn: end the cell with a new figure, or with `.clone()` of one that has a name)";

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
