//! The library prints nothing by itself: what there is to say is returned, and the notebook layer shows it.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Who prints on purpose: notebooks, the lines of a running training, and figures, which a kernel takes from the output.
const SPEAKERS: [&str; 3] = ["notebook/", "train/progress.rs", "viz/output.rs"];

/// All Rust files below a folder but those that are compiled for tests alone.
fn sources(folder: &Path, files: &mut BTreeSet<PathBuf>) {
    let paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let is_rust = |path: &&PathBuf| path.extension().is_some_and(|kind| kind == "rs");
    let all: String = paths.iter().filter(is_rust).map(text).collect();
    for path in &paths {
        let name = path.file_stem().unwrap().to_string_lossy();
        let only_tests = ["", "pub(crate) ", "pub(super) "]
            .iter()
            .any(|visible| all.contains(&format!("#[cfg(test)]\n{visible}mod {name};")));
        if path.is_dir() {
            sources(path, files);
        } else if is_rust(&path) && !only_tests {
            files.insert(path.clone());
        }
    }
}

/// The code of a file: without comments, and without the tests, which stand at its end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// No macro that prints stands outside of the files that print on purpose, and those that do print.
#[test]
fn the_library_does_not_print() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    sources(&root, &mut files);
    assert!(files.len() > 50, "only {} files", files.len());
    let (mut silent, mut wrong) = (BTreeSet::from(SPEAKERS), vec![]);
    for path in files {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let prints =
            ["print!(", "println!(", "eprint!(", "eprintln!(", "dbg!("].iter().any(|print| code(&path).contains(print));
        match SPEAKERS.iter().find(|speaker| name.starts_with(**speaker)) {
            Some(speaker) if prints => drop(silent.remove(speaker)),
            None if prints => wrong.push(name),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "these print, and should return what they have to say: {wrong:?}");
    assert!(silent.is_empty(), "these no longer print: {silent:?}");
}
