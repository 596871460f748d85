//! `examples/nll` as a user runs it, on what `examples/train` left. `cargo test` builds both beside these tests,
//! `cargo test --test example_nll` alone does not.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

use vae_core::serde_json::{self, Value};

/// Runs an example as a quick rehearsal. Returns whether it succeeded, and what it printed.
fn run(example: &str, arguments: &[&str]) -> (bool, String) {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join(example);
    let environment = [("VAE_FAST", "1"), ("VAE_CORE_DEVICE", "cpu")];
    let output = Command::new(example).args(arguments).envs(environment).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

fn train(out: &Path, more: &[&str]) {
    let small = "--data digits --hidden 32 --latent 4 --epochs 2 --validation 200 --out";
    let arguments: Vec<&str> = small.split(' ').chain([out.to_str().unwrap()]).chain(more.iter().copied()).collect();
    let (ok, text) = run("train", &arguments);
    assert!(ok, "{text}");
}

/// The numbers of a run in 20 draws, but those of the clock.
fn nll(folder: &Path, more: &[&str]) -> Value {
    let json = folder.join("nll/all.json");
    let common = ["--checkpoint", folder.to_str().unwrap(), "--samples", "20", "--json", json.to_str().unwrap()];
    let (ok, text) = run("nll", &[&common[..], more].concat());
    assert!(ok && text.contains("−log p(x) = ") && text.contains(" ± ") && text.contains("images/s"), "{text}");
    let mut all: Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    (all["seconds"], all["images_per_second"]) = (0.into(), 0.into());
    all
}

/// The numbers repeat, are in order, and are those of the weights that were asked for; a run that was stopped has some too.
#[test]
fn judges_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    train(folder, &["--binarize"]);
    let all = nll(folder, &[]);
    assert_eq!(all, nll(folder, &[]));
    assert_eq!(all["settings"]["images"], 500);
    assert_eq!(all["settings"]["binarized_with_seed"], 0);
    assert_eq!(all["settings"]["weights"], "model.safetensors");
    assert_eq!(all["trained"]["hidden"][0], 32);
    let (nll_, elbo) = (all["nll"]["mean"].as_f64().unwrap(), all["elbo"]["mean"].as_f64().unwrap());
    assert!(nll_ > 10.0 && nll_ < -elbo, "{nll_} {elbo}");
    let curve: Vec<f64> = all["curve"].as_array().unwrap().iter().map(|k| k["log_prob"].as_f64().unwrap()).collect();
    let of_images = all["log_prob"].as_array().unwrap().iter().map(|of| of.as_f64().unwrap());
    assert!((of_images.sum::<f64>() / 500.0 + nll_).abs() < 1e-9);
    assert!(curve.len() == 5 && curve.is_sorted() && curve[0] == elbo && curve[4] == -nll_, "{curve:?}");

    // The code has 4 dimensions, and some are in use after two epochs.
    assert!((1..=4).contains(&all["active_units"].as_u64().unwrap()), "{}", all["active_units"]);

    assert_ne!(all["nll"], nll(folder, &["--seed", "1"])["nll"]);
    assert_eq!(nll(folder, &["--images", "9"])["settings"]["images"], 9);
    let other = nll(folder, &["--data", "garments"]);
    assert!(other["nll"]["mean"].as_f64().unwrap() > nll_ + 10.0, "clothes are not digits");
    // Without early stopping the last weights are the model's.
    assert_eq!(all["nll"], nll(folder, &["--weights", "last"])["nll"]);

    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
    assert_eq!(nll(folder, &[])["settings"]["weights"], "best.safetensors");
    std::fs::remove_file(folder.join("best.safetensors")).unwrap();
    assert_eq!(nll(folder, &[])["nll"], all["nll"]);
}

/// A conditional model is told the labels, and grey images stay grey where the run did not binarize.
#[test]
fn judges_a_conditional_run() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), &["--model", "conditional"]);
    let all = nll(folder.path(), &["--images", "100"]);
    assert_eq!(all["settings"]["binarized_with_seed"], Value::Null);
}

/// What is wrong is said.
#[test]
fn bad_arguments_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    let fails = |more: &[&str], word: &str| {
        let (ok, text) = run("nll", &[&["--checkpoint", at][..], more].concat());
        assert!(!ok && text.contains(word) && !text.contains("panicked"), "{word:?} is not in: {text}");
    };
    fails(&[], "expected the folder of a run");
    std::fs::write(folder.path().join("arguments.json"), "{\"data\": \"digits\"}").unwrap();
    fails(&[], "neither model.safetensors nor a checkpoint");
    fails(&["--weights", "best"], "best.safetensors");
    fails(&["--weights", "worst"], "best");
    std::fs::write(folder.path().join("arguments.json"), "{}").unwrap();
    fails(&[], "which `data`");
    train(&folder.path().join("run"), &[]);
    let run_at = folder.path().join("run");
    let (ok, text) = run("nll", &["--checkpoint", run_at.to_str().unwrap(), "--samples", "0"]);
    assert!(!ok && text.contains("0 samples"), "{text}");
    let (ok, text) = run("nll", &["--checkpoint", run_at.to_str().unwrap(), "--images", "0"]);
    assert!(!ok && text.contains("no images"), "{text}");
}
