//! `examples/anomaly` as a user runs it, after `examples/train.rs`. `cargo test` builds both beside these tests, `cargo test --test
//! example_anomaly` alone does not.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

use vae_core::serde_json::{self, Value};

/// Runs an example on embedded images. Returns whether it succeeded, and what it printed.
fn run(example: &str, arguments: &str, folder: &Path) -> (bool, String) {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join(example);
    let environment = [("VAE_FAST", "1"), ("VAE_CORE_DEVICE", "cpu")];
    let output =
        Command::new(example).args(arguments.split(' ')).current_dir(folder).envs(environment).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

fn results(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("results.json")).unwrap()).unwrap()
}

/// The AUROC of a score, which must lie in its interval.
fn auroc(results: &Value, score: &str) -> f64 {
    let row = results["scores"].as_array().unwrap().iter().find(|row| row["score"] == score).unwrap();
    let [auroc, low, high] = ["auroc", "low", "high"].map(|name| row[name].as_f64().unwrap());
    assert!(low <= auroc && auroc <= high && low < high, "{row}");
    auroc
}

/// A model of one digit tells the others from it, a model of all digits tells garments from them, and what is anomalous must be said.
#[test]
fn tells_what_it_was_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let small = "--data digits --hidden 64 --latent 4 --batch-size 32";
    let (ok, text) = run("train", &format!("{small} --only 1 --epochs 20 --out one"), folder.path());
    assert!(ok, "{text}");
    let (ok, text) = run("anomaly", "--checkpoint one --images 2000 --json results.json", folder.path());
    assert!(ok && text.contains("reconstruction-error"), "{text}");
    let one = results(folder.path());
    let count = |name: &str| one[name].as_u64().unwrap();
    assert!(one["only"] == 1 && count("normal") + count("anomalous") == 2_000 && count("normal") < 400, "{one}");
    assert!(auroc(&one, "reconstruction-error") > 0.9, "{one}");
    // A baseline is among the questions, and every question says what it may be chosen by.
    assert!(
        auroc(&one, "pixels") > 0.9 && one["scores"].as_array().unwrap().iter().all(|row| row["chosen_on"].is_number()),
        "{one}"
    );

    // The same label left out: then it is the anomalous one.
    let (ok, text) = run("train", &format!("{small} --except 1 --epochs 2 --out rest"), folder.path());
    assert!(ok, "{text}");
    let (ok, text) = run("anomaly", "--checkpoint rest --images 2000 --json results.json", folder.path());
    assert!(ok, "{text}");
    let rest = results(folder.path());
    assert!(rest["except"] == 1 && rest["anomalous"] == one["normal"] && rest["normal"] == one["anomalous"], "{rest}");

    let (ok, text) = run("train", &format!("{small} --epochs 4 --out all"), folder.path());
    assert!(ok, "{text}");
    let (ok, text) = run("anomaly", "--checkpoint all --json results.json", folder.path());
    assert!(!ok && text.contains("expected --against and a set, or a training with --only or --except"), "{text}");
    let against = "--checkpoint all --against garments --images 300 --resamples 100 --json results.json";
    let (ok, text) = run("anomaly", against, folder.path());
    assert!(ok, "{text}");
    let all = results(folder.path());
    assert!(all["normal"] == 300 && all["anomalous"] == 300 && all["against"] == "garments", "{all}");
    assert!(auroc(&all, "reconstruction-probability") > 0.9, "{all}");

    let (ok, text) = run("train", &format!("{small} --only 10 --epochs 1 --out none"), folder.path());
    assert!(!ok && text.contains("no images"), "{text}");
    let (ok, text) = run("anomaly", "--checkpoint elsewhere", folder.path());
    assert!(!ok && text.contains("expected the folder of a training"), "{text}");
}
