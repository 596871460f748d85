//! `examples/train.rs` as a user runs it. `cargo test` builds it beside these tests, `cargo test --test example_train` alone
//! does not.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

/// Runs the example as a quick rehearsal on embedded digits. Returns whether it succeeded, and what it printed.
fn train(arguments: &[&str]) -> (bool, String) {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join("train");
    let output = Command::new(example).args(arguments).env("VAE_FAST", "1").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

const SMALL: [&str; 12] =
    ["--data", "digits", "--hidden", "32", "--latent", "4", "--validation", "200", "--seed", "3", "--batch-size", "64"];

fn read(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap()
}

/// A run writes everything it promises, and one that is stopped and resumed by its folder alone ends with the same weights.
#[test]
fn trains_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let [straight, stopped] = ["straight", "stopped"].map(|name| folder.path().join(name));
    let run = |out: &Path, epochs: &str| {
        let (ok, text) = train(&[&SMALL[..], &["--epochs", epochs, "--out", out.to_str().unwrap()]].concat());
        assert!(ok, "{text}");
        text
    };
    let text = run(&straight, "3");
    for part in ["Total parameters", "epoch 3/3", "ELBO", "reconstruction", "KL", "images/s", "left", "test ELBO"] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    for file in ["history.json", "curves.svg", "reconstructions.png", "samples.png", "best.safetensors"] {
        assert!(!read(&straight, file).is_empty(), "{file}");
    }

    run(&stopped, "2");
    let (ok, text) = train(&["--resume", stopped.to_str().unwrap(), "--epochs", "3"]);
    assert!(ok && text.contains("resuming after epoch 2"), "{text}");
    assert_eq!(read(&stopped, "model.safetensors"), read(&straight, "model.safetensors"));
}

/// `--summary` prints the table of the model that was asked for, writes nothing and ends.
#[test]
fn summary_only() {
    let (ok, text) = train(&["--summary", "--latent", "20"]);
    assert!(ok && text.contains("Total parameters: 973,624") && !text.contains("epoch"), "{text}");
}

/// Bad arguments end with an error that says which one it was.
#[test]
fn bad_arguments_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().to_str().unwrap();
    for (arguments, words) in [
        (vec!["--batch-size", "0", "--out", out], vec!["--batch-size", "1 or more"]),
        (vec!["--epochs", "many", "--out", out], vec!["--epochs", "whole number"]),
        (vec!["--model", "gan", "--out", out], vec!["--model", "gan", "mlp"]),
        (vec!["--data", "cifar", "--out", out], vec!["cifar", "mnist"]),
        (vec!["--learning-rate", "-1", "--data", "digits", "--out", out], vec!["learning"]),
        (vec!["--data", "digits"], vec!["--out"]),
        (vec!["--resume", empty], vec!["arguments.json", "--out"]),
        (vec!["--resume", out, "--out", out], vec!["--resume", "--out"]),
        (vec!["--wrong"], vec!["--wrong"]),
    ] {
        let (ok, text) = train(&arguments);
        assert!(!ok, "{arguments:?} was accepted");
        assert!(!text.contains("panicked"), "{text}");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in the answer to {arguments:?}: {text}");
        }
    }
}
