//! `examples/disentangle` as a user runs it. `cargo test` builds it beside these tests, `cargo test --test example_disentangle`
//! alone does not.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

use vae_core::serde_json::{self, Value};

/// Two methods and two seeds of a small model. Returns whether it succeeded, and what it printed.
fn disentangle(out: &Path, more: &[&str]) -> (bool, String) {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join("disentangle");
    let small = "--methods beta:2,beta-tc:4 --seeds 2 --side 16 --items 2000 --hidden 16 --latent 2";
    let output = Command::new(example)
        .args(small.split(' '))
        .args(["--out", out.to_str().unwrap(), "--json", out.join("all.json").to_str().unwrap()])
        .args(more)
        .env("VAE_CORE_DEVICE", "cpu")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

/// All results but for the clock.
fn results(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("all.json")).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    for outcome in all["outcomes"].as_array_mut().unwrap() {
        outcome["seconds"] = 0.into();
    }
    all
}

/// What is done is not done again, what is missing is made anew with the same numbers, and a folder of other settings is refused.
#[test]
fn goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (ok, text) = disentangle(folder.path(), &["--epochs", "2"]);
    assert!(ok && text.contains("| beta-tc:4 | ") && text.contains(" ± "), "{text}");
    let whole = results(folder.path());
    assert_eq!(whole["outcomes"].as_array().unwrap().len(), 4);

    // Trained, but not measured; and not begun.
    std::fs::remove_file(folder.path().join("beta-2-1/result.json")).unwrap();
    std::fs::remove_dir_all(folder.path().join("beta-tc-4-2")).unwrap();
    let (ok, text) = disentangle(folder.path(), &["--epochs", "2"]);
    assert!(ok && text.matches(", seed ").count() == 4, "two runs, two lines each: {text}");
    assert!(text.contains("resuming after epoch 2"), "{text}");
    assert_eq!(results(folder.path()), whole);

    let (ok, text) = disentangle(folder.path(), &["--epochs", "3"]);
    assert!(!ok && text.contains("other settings") && text.contains("choose another folder"), "{text}");
    let (ok, text) = disentangle(folder.path(), &["--methods", "gan:2"]);
    assert!(!ok && text.contains("expected beta, beta-tc"), "{text}");
}
