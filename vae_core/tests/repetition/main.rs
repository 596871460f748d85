//! The same seed, the same bits: from run to run, with any number of threads, and (see tests/test_repetition.py) in a notebook.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use safetensors::SafeTensors;
use serde_json::Value;

mod program {
    // As text, since a notebook's cell runs the very same.
    include!("program.rs");

    pub(super) fn run(folder: &Path) -> Vec<String> {
        train_all(folder).unwrap()
    }
}

/// The environment variable that names the folder of the process that trains.
const FOLDER: &str = "VAE_CORE_REPETITION";

/// What the process that [`run`] starts does: trains in its folder and prints a line for each model.
#[test]
#[ignore = "a part of the tests beside it, which start it with a number of threads"]
fn program_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    // Started by a person, it has no folder; then the lines are all there is.
    let path = std::env::var_os(FOLDER).map_or(folder.path().to_path_buf(), Into::into);
    println!();
    println!("threads {}", rayon::current_num_threads());
    program::run(&path).iter().for_each(|line| println!("{line}"));
}

/// What a run came to: the lines that it printed, and its checkpoints.
#[derive(Debug, PartialEq)]
struct Outcome {
    lines: Vec<String>,
    /// By name, what the clock did not write.
    files: BTreeMap<String, (Value, Vec<u8>)>,
}

/// Trains in a process of its own with so many threads.
fn run(threads: usize) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program_of_one_process", "--ignored", "--nocapture"])
        .env("RAYON_NUM_THREADS", threads.to_string())
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(&format!("threads {threads}\n")), "RAYON_NUM_THREADS={threads} was not heard: {text}");
    let known = ["mlp ", "conv ", "denoising ", "beta-tc ", "factor ", "detector ", "candle "];
    let lines: Vec<_> = text.lines().filter(|line| known.iter().any(|name| line.starts_with(name))).collect();
    assert_eq!(lines.len(), known.len(), "{text}");

    let mut files = BTreeMap::new();
    for model in ["mlp", "conv", "denoising", "beta-tc", "factor"] {
        for file in ["last.safetensors", "best.safetensors"] {
            let bytes = std::fs::read(folder.path().join(model).join(file)).unwrap();
            files.insert(format!("{model}/{file}"), without_clock(&bytes));
        }
    }
    Outcome { lines: lines.into_iter().map(Into::into).collect(), files }
}

/// A checkpoint's header as JSON, without the two times of each epoch and the checksum over them, and the bytes after it.
fn without_clock(bytes: &[u8]) -> (Value, Vec<u8>) {
    let (length, _) = SafeTensors::read_metadata(bytes).unwrap();
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let own = &mut header["__metadata__"]["vae_core"];
    let mut said: Value = serde_json::from_str(own.as_str().unwrap()).unwrap();
    if let Some(epochs) = said.pointer_mut("/history/epochs") {
        let epochs = epochs.as_array_mut().unwrap();
        let times = epochs.iter_mut().flat_map(|epoch| ["seconds", "images_per_second"].map(|name| epoch[name].take()));
        assert!(times.map(|time| time.as_f64().unwrap()).all(|time| time > 0.0));
        assert!(said["crc32"].take().is_number());
    }
    *own = said;
    (header, bytes[8 + length..].to_vec())
}

/// Trained with 1, 2, 3 and 4 threads, and twice with 2, an MLP, a convolutional VAE, a denoiser, a β-TCVAE and a FactorVAE end
/// with checkpoints that are the same byte for byte but for the clock, and a detector with the same scores.
#[test]
fn threads_do_not_change_a_bit() {
    let one = run(1);
    for threads in [2, 2, 3, 4] {
        let other = run(threads);
        assert_eq!(other.lines, one.lines, "with {threads} threads and with one");
        let differ: Vec<_> = one.files.iter().filter(|(name, file)| other.files.get(*name) != Some(*file)).collect();
        assert!(
            differ.is_empty(),
            "with {threads} threads: {:?}",
            differ.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
    }
    // Were the fingerprints blind, the models, which differ, would have the same.
    let fingerprints: BTreeSet<_> = one.lines.iter().flat_map(|line| line.split(' ').skip(1)).collect();
    assert_eq!(fingerprints.len(), 17, "{:?}", one.lines);
}
