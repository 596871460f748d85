//! Trainings that are killed at any moment, and two that want one folder. `cargo test` builds the example beside these tests,
//! `cargo test --test faults` alone does not.
//!
//! A few kills a run; `VAE_SOAK=1` makes them a hundred.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use serde_json::Value;
use vae_core::{data::idx, prelude::*};

const EPOCHS: &str = "12";
const SETTINGS: [&str; 16] = [
    "--data",
    "mnist",
    "--hidden",
    "16",
    "--latent",
    "2",
    "--validation",
    "60",
    "--batch-size",
    "32",
    "--early-stopping",
    "99",
    "--seed",
    "3",
    "--corrupt",
    "gaussian:0.1",
];

/// A folder with a small set of images of its own, and the runs that train on them.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let images = |n: usize, seed| {
            let noise: Vec<f32> = Random::new(seed).uniform(n * 784, &Device::Cpu).unwrap().to_vec1().unwrap();
            let pixels = noise.iter().enumerate().map(|(i, x)| if i % 28 < 9 { (x * 255.0) as u8 } else { 0 });
            Images::new(pixels.collect(), vec![1; n], (1, 28, 28), &Device::Cpu).unwrap()
        };
        idx::write_folder(&folder.path().join("mnist"), &images(300, 1), &images(40, 2)).unwrap();
        Self(folder)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn start(&self, arguments: &[&str], out: &Path, how: &str) -> Child {
        let test = std::env::current_exe().unwrap();
        let example = test.parent().unwrap().parent().unwrap().join("examples").join("train");
        Command::new(example)
            .args(arguments)
            .args([Path::new(how), out])
            .env("VAE_CORE_DATA_DIR", self.0.path())
            // Bit for bit is the CPU's promise, whatever this is built with.
            .env("VAE_CORE_DEVICE", "cpu")
            .env_remove("VAE_FAST")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Begins a run in `out`, or goes on with the one that is there.
    fn go_on(&self, out: &Path) -> Child {
        match out.join("arguments.json").exists() {
            true => self.start(&[], out, "--resume"),
            false => self.start(&[&SETTINGS[..], &["--epochs", EPOCHS]].concat(), out, "--out"),
        }
    }
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn succeeds(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn unfinished(folder: &Path) -> bool {
    names(folder).iter().any(|name| name.starts_with(".vae_core-"))
}

/// JSON without what the clock wrote into it, and without the folder's name.
fn timeless(mut value: Value) -> Value {
    for name in ["images_per_second", "seconds", "crc32", "out", "resume"] {
        value.as_object_mut().and_then(|object| object.remove(name));
    }
    match value {
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, timeless(value))).collect(),
        Value::Array(items) => items.into_iter().map(timeless).collect(),
        other => other,
    }
}

/// What must be the same in two runs: the file's bytes, but in JSON without the clock.
fn content(path: &Path) -> (Vec<u8>, Value) {
    let bytes = std::fs::read(path).unwrap();
    match path.extension().unwrap().to_str().unwrap() {
        "json" => (vec![], timeless(serde_json::from_slice(&bytes).unwrap())),
        "safetensors" => {
            let (header, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
            let own = &metadata.metadata().as_ref().unwrap()["vae_core"];
            let tensors = format!("{:?}", metadata.tensors().into_iter().collect::<std::collections::BTreeMap<_, _>>());
            let own = timeless(serde_json::from_str(own).unwrap());
            ([tensors.as_bytes(), &bytes[8 + header..]].concat(), own)
        }
        _ => (bytes, Value::Null),
    }
}

/// What a killed run leaves can be read: checkpoint, best weights and history are whole or not there.
fn whole(folder: &Path) {
    for name in ["last.safetensors", "best.safetensors", "model.safetensors", "history.json", "arguments.json"] {
        if folder.join(name).exists() {
            content(&folder.join(name));
        }
    }
    if folder.join("last.safetensors").exists() {
        let epochs = |value: &Value| value["epochs"].as_array().unwrap().len();
        let last = epochs(&content(&folder.join("last.safetensors")).1["history"]);
        let noted = epochs(&content(&folder.join("history.json")).1);
        assert!(noted == last || noted == last + 1, "{noted} epochs noted, {last} in the checkpoint");
        MlpVae::open(folder.join("best.safetensors"), &Device::Cpu).unwrap();
    }
}

/// Kills the process after `wait`, or, with `at_write`, as soon after that as it writes a file. `None` when it ended before.
fn killed(mut child: Child, folder: &Path, wait: Duration, at_write: bool) -> Option<()> {
    let start = Instant::now();
    while start.elapsed() < wait || (at_write && !unfinished(folder)) {
        if child.try_wait().unwrap().is_some() {
            succeeds(child);
            return None;
        }
        if start.elapsed() + Duration::from_millis(2) < wait {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    child.kill().unwrap();
    match child.wait().unwrap().success() {
        // It was quicker.
        true => None,
        false => Some(()),
    }
}

/// Killed again and again at random moments and while it writes, a run always goes on, ends with the files of one that was
/// never stopped, byte for byte but for the clock, and leaves no others.
#[test]
fn killed_runs_go_on() {
    let soaking = std::env::var_os("VAE_SOAK").is_some_and(|value| !value.is_empty() && value != "0");
    let wanted = if soaking { 100 } else { 6 };
    let scene = Scene::new();
    let straight = scene.folder("straight");
    let start = Instant::now();
    succeeds(scene.go_on(&straight));
    let whole_run = start.elapsed();

    let mut rng = ChaCha8Rng::seed_from_u64(wanted);
    let (mut kills, mut runs, mut before, mut halfway) = (0, 0, 0, 0);
    while kills < wanted {
        let folder = scene.folder(&format!("run-{runs}"));
        loop {
            let (wait, at_write) = (whole_run.mul_f64(rng.random_range(0.0..1.0)), rng.random());
            let child = scene.go_on(&folder);
            if kills >= wanted {
                succeeds(child);
                break;
            }
            if killed(child, &folder, wait, at_write).is_none() {
                break;
            }
            kills += 1;
            before += u64::from(!folder.join("last.safetensors").exists());
            halfway += u64::from(unfinished(&folder));
            whole(&folder);
        }
        assert_eq!(names(&folder), names(&straight));
        for name in names(&straight) {
            assert!(content(&folder.join(&name)) == content(&straight.join(&name)), "{name} differs, run {runs}");
        }
        runs += 1;
    }
    println!(
        "{kills} kills in {runs} runs of {whole_run:?}: {before} before the first checkpoint, {halfway} with a file half-written"
    );
}

/// A second training in the same folder is refused, whether it would begin or resume, and the first goes on undisturbed.
#[test]
fn one_training_a_folder() {
    let scene = Scene::new();
    let folder = scene.folder("run");
    let mut first = scene.start(&[&SETTINGS[..], &["--epochs", "100000"]].concat(), &folder, "--out");
    let noted = folder.join("arguments.json");
    let start = Instant::now();
    while !noted.exists() {
        assert!(start.elapsed() < Duration::from_secs(60) && first.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
    let arguments = std::fs::read(&noted).unwrap();
    for (settings, how) in [(&[&SETTINGS[..], &["--learning-rate", "0.5"]].concat()[..], "--out"), (&[], "--resume")] {
        let output = scene.start(settings, &folder, how).wait_with_output().unwrap();
        let text = text(&output);
        assert!(!output.status.success() && text.contains("another training writes its checkpoints here"), "{text}");
        assert!(first.try_wait().unwrap().is_none(), "the first training ended too early to tell");
        assert_eq!(std::fs::read(&noted).unwrap(), arguments);
    }
    first.kill().unwrap();
    first.wait().unwrap();
    succeeds(scene.start(&["--epochs", "1"], &folder, "--resume"));
    assert!(!names(&folder).contains("training.lock"));
}
