//! `examples/denoise` as a user runs it. `cargo test` builds it beside these tests, `cargo test --test example_denoise` alone does not.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

use vae_core::{
    eval::Scoreboard,
    serde_json::{self, Value},
};

/// Two models of one epoch. Returns whether it succeeded, and what it printed.
fn denoise(out: &Path, more: &str) -> (bool, String) {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join("denoise");
    let small = "--data digits --models gaussian:1,mixed:0 --seeds 2 --epochs 1 --hidden 16 --latent 2 --images 40";
    let output = Command::new(example)
        .args(small.split(' '))
        .args(["--out", out.to_str().unwrap(), "--json", out.join("all.json").to_str().unwrap()])
        .args(more.split(' ').filter(|word| !word.is_empty()))
        .env("VAE_CORE_DEVICE", "cpu")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

/// What is done is not done again, what is missing is made anew with the same numbers, the table can be read, and other settings or
/// models are refused.
#[test]
fn goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (ok, text) = denoise(folder.path(), "");
    assert!(ok && text.contains("| gaussian:0.2 | ") && text.matches(", seed ").count() == 4, "{text}");
    let whole = std::fs::read_to_string(folder.path().join("all.json")).unwrap();

    let board = Scoreboard::read(folder.path().join("all.json")).unwrap().group("PSNR").unwrap();
    let noisy = board.cell("gaussian:0.8", "noisy").unwrap().mean();
    let denoised = board.cell("gaussian:0.8", "gaussian:1").unwrap();
    assert!(denoised.mean() > noisy && denoised.error().is_some(), "{denoised} {noisy}");
    let value: Value = serde_json::from_str(&whole).unwrap();
    let groups = |name: &str| value["rows"].as_array().unwrap().iter().filter(|row| row["group"] == name).count();
    // Without noise, doing nothing has no PSNR; denoised images have one.
    assert_eq!(["PSNR", "SSIM", "PSNR, mean of draws", "nats"].map(groups), [12, 12, 12, 3]);

    std::fs::remove_dir_all(folder.path().join("mixed-0-2")).unwrap();
    let (ok, text) = denoise(folder.path(), "");
    assert!(ok && text.matches(", seed ").count() == 1, "{text}");
    assert_eq!(std::fs::read_to_string(folder.path().join("all.json")).unwrap(), whole);

    let (ok, text) = denoise(folder.path(), "--epochs 2");
    assert!(!ok && text.contains("cannot be used multiple times"), "{text}");
    std::fs::write(folder.path().join("mixed-0-1/result.json"), "{}").unwrap();
    let (ok, text) = denoise(folder.path(), "");
    assert!(!ok && text.contains("result.json"), "{text}");
}
