//! The hub without the hub: a cache of small files of ours, damaged ones, and no network at all.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "hub")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use vae_core::candle::Device;
use vae_core::data::{hub, idx};

/// Runs the ignored test `name` of this file in a process of its own, whose hub is `home` and has no network.
fn child(name: &str, home: &Path) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]);
    command.env("HF_HOME", home).env("HF_ENDPOINT", "http://127.0.0.1:9").env("FOLDER", home.join("data"));
    for variable in ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(variable);
    }
    command.env("HTTP_PROXY", "").env("http_proxy", "").output().unwrap()
}

/// A hub cache with our small files in place of both sets; `train` replaces the training files.
fn cache(home: &Path, train: Option<&[u8]>) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data_hub");
    for (folder, inside) in
        [("datasets--ylecun--mnist", "mnist"), ("datasets--zalando-datasets--fashion_mnist", "fashion_mnist")]
    {
        let folder = home.join("hub").join(folder);
        std::fs::create_dir_all(folder.join("refs/refs/convert")).unwrap();
        std::fs::write(folder.join("refs/refs/convert/parquet"), "0123456789abcdef0123456789abcdef01234567").unwrap();
        for part in ["train", "test"] {
            let to = folder.join("snapshots/0123456789abcdef0123456789abcdef01234567").join(inside).join(part);
            std::fs::create_dir_all(&to).unwrap();
            let bytes = std::fs::read(sources.join(part).with_extension("parquet")).unwrap();
            let bytes = if part == "train" { train.unwrap_or(&bytes) } else { &bytes };
            std::fs::write(to.join("0000.parquet"), bytes).unwrap();
        }
    }
}

/// What `tests/data_hub/make.py` put into image `i`.
fn expected(i: usize) -> Vec<u8> {
    (0..784).map(|p| ((7 * i + p) % 256) as u8).collect()
}

/// Run by the others as a process of its own: fetches into `FOLDER` and prints what became of it.
#[test]
#[ignore = "needs the environment that the other tests make"]
fn fetch() {
    match hub::fetch_into(Path::new(&std::env::var_os("FOLDER").unwrap())) {
        Ok(said) => println!("{}\nfetched", said.join("\n")),
        Err(error) => println!("error: {error}"),
    }
}

/// Both sets come out of a hub cache byte for byte, become IDX files, and are left alone the second time.
#[test]
fn a_cached_hub_becomes_idx_files() {
    let home = tempfile::tempdir().unwrap();
    cache(home.path(), None);
    let output = String::from_utf8(child("fetch", home.path()).stdout).unwrap();
    assert!(output.contains("mnist: 20 training and 5 test images from the Hugging Face hub\n"), "{output}");
    assert!(output.contains("fetched"), "{output}");
    for name in ["mnist", "fashion-mnist"] {
        let (train, test) = idx::read_folder(&home.path().join("data").join(name), &Device::Cpu).unwrap();
        assert_eq!((train.len(), test.len(), train.shape()), (20, 5, (1, 28, 28)));
        assert!((0..20).all(|i| train.image(i) == Some(&expected(i)) && train.labels()[i] as usize == i % 10));
    }
    let output = String::from_utf8(child("fetch", home.path()).stdout).unwrap();
    assert!(output.contains("mnist: there already\nfashion-mnist: there already\nfetched"), "{output}");
    // A damaged copy is replaced, and what else lies beside it stays.
    std::fs::write(home.path().join("data/mnist/train-labels-idx1-ubyte.gz"), "damaged").unwrap();
    std::fs::write(home.path().join("data/mnist/notes.txt"), "mine").unwrap();
    let output = String::from_utf8(child("fetch", home.path()).stdout).unwrap();
    assert!(output.contains("mnist: 20 training") && output.contains("fashion-mnist: there already"), "{output}");
    assert!(idx::read_folder(&home.path().join("data/mnist"), &Device::Cpu).is_ok());
    assert!(home.path().join("data/mnist/notes.txt").exists());
}

/// Without a network and with an empty cache there is a clear error, in less than ten seconds, and no folder half made.
#[test]
fn no_network_is_a_quick_answer() {
    let home = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let output = String::from_utf8(child("fetch", home.path()).stdout).unwrap();
    println!("{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(output.contains("error: no network: the Hugging Face hub (127.0.0.1:9) cannot be reached"), "{output}");
    assert!(!home.path().join("data").exists());
}

/// A file in the cache that is no parquet, or is cut short, is an error and not a crash.
#[test]
fn damaged_files_are_errors() {
    let whole = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data_hub/train.parquet")).unwrap();
    // Damage inside a picture leaves the parquet file sound, and candle-datasets panics on decoding it.
    let mut picture = whole.clone();
    let at = picture.windows(4).position(|window| window == b"IHDR").unwrap();
    picture[at..at + 4].copy_from_slice(b"XXXX");
    for bytes in [&b"no parquet"[..], &whole[..whole.len() / 2], &picture] {
        let home = tempfile::tempdir().unwrap();
        cache(home.path(), Some(bytes));
        let output = String::from_utf8(child("fetch", home.path()).stdout).unwrap();
        assert!(output.contains("error: ") && !output.contains("fetched"), "{output}");
        assert!(!home.path().join("data/mnist").exists());
    }
}
