//! Fetches MNIST and Fashion-MNIST through candle-datasets into the repository's `data/`, where notebooks find them.
//!
//! ```text
//! cargo run --release -p vae_core --features hub --example fetch_data [FOLDER]
//! ```
//!
//! What is there already is left alone. Without a network it says so within seconds and ends with status 1.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use vae_core::data::hub;

fn main() -> ExitCode {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("data"));
    match hub::fetch_into(&folder) {
        Ok(said) => {
            said.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            eprintln!(
                "Notebooks will use the embedded images. To have the real ones, run this again with a network, or set"
            );
            eprintln!("VAE_CORE_DATA_DIR to a folder with the IDX files in mnist/ and fashion-mnist/.");
            ExitCode::FAILURE
        }
    }
}
