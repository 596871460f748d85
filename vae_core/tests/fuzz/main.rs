//! Damaged files, many of them, into every reader: an error with the file's name or something that can be used; never a
//! panic, never more memory than a small multiple of the file's size, never a long wait.
//!
//! `cargo test` builds the example that reads arguments beside these tests. Some thousand inputs a run; `VAE_SOAK=1` makes it more than a million. Input i of a target is the same on every machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod formats;
mod mutate;
mod targets;

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use peak_alloc::PeakAlloc;
use rand::{Rng as _, SeedableRng};
use targets::Target;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One target at a time: memory is counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// No input takes longer to read, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came out of a number of inputs.
#[derive(Default)]
struct Outcome {
    accepted: usize,
    refused: usize,
    /// Messages without their numbers and names.
    messages: BTreeSet<String>,
}

/// Feeds damaged files to a reader. `Err` says what went wrong with which input; the file is kept.
fn feed(target: &Target, inputs: u64) -> Result<Outcome, String> {
    let start = Instant::now();
    let folder = targets::scratch();
    let path = folder.path().join(target.file);
    let mut outcome = Outcome::default();
    let current = Arc::new(AtomicU64::new(0));
    let (done, watch) = (current.clone(), (target.name, path.clone()));
    std::thread::spawn(move || hangs(&done, watch));
    for input in 0..inputs {
        current.store(input, Ordering::Relaxed);
        let mut rng = mutate::Rng::seed_from_u64(input);
        let pick = |rng: &mut mutate::Rng| &target.corpus[rng.random_range(0..target.corpus.len())];
        let (valid, other) = (pick(&mut rng), pick(&mut rng));
        let bytes = (target.damage)(valid, other, &mut rng);
        std::fs::write(&path, &bytes).unwrap();
        let failed = |what: String| {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{} {input}", target.name));
            std::fs::write(&kept, &bytes).unwrap();
            Err(format!("{}, input {input}: {what}; the file is {}", target.name, kept.display()))
        };
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let result = catch_unwind(AssertUnwindSafe(|| (target.read)(&path)));
        let memory = MEMORY.peak_usage().saturating_sub(before);
        match result {
            Err(panic) => {
                let text =
                    panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|s| s.to_string()));
                return failed(format!("panicked: {}", text.unwrap_or_default()));
            }
            Ok(Ok(())) => outcome.accepted += 1,
            Ok(Err(error)) => {
                let text = error.to_string();
                if !text.contains(&*folder.path().to_string_lossy()) {
                    return failed(format!("an error that does not name the file: {text}"));
                }
                outcome.refused += 1;
                let words = text.split_whitespace().filter(|word| word.chars().all(|c| c.is_alphabetic()));
                outcome.messages.insert(words.take(12).collect::<Vec<_>>().join(" "));
            }
        }
        let most = (target.memory)(bytes.len());
        if memory > most {
            return failed(format!("{} bytes took {memory} bytes of memory, more than {most}", bytes.len()));
        }
    }
    let (accepted, refused, kinds) = (outcome.accepted, outcome.refused, outcome.messages.len());
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}: {inputs} inputs in {seconds:.1} s, {accepted} accepted, {refused} refused in {kinds} ways",
        target.name
    );
    Ok(outcome)
}

/// Ends the process when an input is still being read after [`PATIENCE`]: a thread cannot be stopped, and its test would
/// wait for ever.
fn hangs(current: &AtomicU64, (name, path): (&str, PathBuf)) {
    let mut last = None;
    // Its folder goes with the inputs.
    while path.parent().is_some_and(Path::exists) {
        let input = current.load(Ordering::Relaxed);
        if last == Some(input) {
            eprintln!("{name}, input {input}: not read after {PATIENCE:?}; the file is {}", path.display());
            std::process::exit(101);
        }
        last = Some(input);
        std::thread::sleep(PATIENCE);
    }
}

/// Runs a target, `quick` inputs in the ordinary tests. Both sides of the reader must have been seen, and at least `ways`
/// different messages: damage that never gets past the first check shows nothing.
fn fuzz(target: fn() -> Target, quick: u64, soak: u64, ways: usize) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let target = target();
    let reads = |valid: &Vec<u8>| {
        let folder = targets::scratch();
        let path = folder.path().join(target.file);
        std::fs::write(&path, valid).unwrap();
        (target.read)(&path).is_ok()
    };
    assert!(target.corpus.iter().any(reads), "nothing valid to start from");
    let soaking = std::env::var_os("VAE_SOAK").is_some_and(|value| !value.is_empty() && value != "0");
    let outcome = feed(&target, if soaking { soak } else { quick }).unwrap_or_else(|problem| panic!("{problem}"));
    let Outcome { accepted, refused, messages } = outcome;
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
    assert!(messages.len() >= ways, "only {messages:#?}");
}

/// IDX files with damaged headers and bodies are read to the byte or refused.
#[test]
fn idx_files() {
    fuzz(targets::plain_idx, 3000, 220_000, 5);
}

/// Gzipped IDX files, damaged inside and outside, and bombs, are unpacked no further than their header announces.
#[test]
fn gzipped_idx_files() {
    fuzz(targets::gzipped_idx, 1500, 120_000, 7);
}

/// Archives of arrays with forged headers, sizes, numbers and directories are read to the pixel or refused, whatever they claim.
#[test]
fn dsprites() {
    fuzz(targets::dsprites, 1500, 120_000, 12);
}

/// Histories that were changed as JSON or as text are read, shown and written back, or refused.
#[test]
fn histories() {
    fuzz(targets::history, 300, 30_000, 5);
}

/// Model files with forged headers, configurations, shapes and numbers give a usable model or an error.
#[test]
fn models() {
    fuzz(targets::model, 2500, 250_000, 12);
}

/// Checkpoints with forged headers, optimizer states and histories are resumed or refused, and refusing changes nothing.
#[test]
fn checkpoints() {
    fuzz(targets::checkpoint, 500, 40_000, 12);
}

/// Detector files with forged thresholds, codes and models give a detector that judges, or an error.
#[test]
fn detectors() {
    fuzz(targets::detector, 1500, 120_000, 12);
}

/// Pictures with damaged chunks, sizes and palettes are decoded within bounds or refused.
#[test]
fn pictures() {
    fuzz(targets::picture, 1500, 120_000, 5);
}

/// Folders with a damaged PNG or JPEG file in them are read, from memory as from the disk, or refused.
#[test]
fn folders() {
    fuzz(targets::folder, 1500, 120_000, 5);
}

/// Corruptions as people type them are understood or refused.
#[test]
fn corruptions() {
    fuzz(targets::corruption, 1500, 140_000, 2);
}

/// Arguments of an earlier run that were changed are completed, or refused with an error and no more.
#[test]
fn arguments() {
    fuzz(targets::arguments, 150, 5_000, 5);
}

/// The harness notices a panic, too much memory, an error without the file's name, and keeps the input.
#[test]
fn the_harness_notices() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    type Read = fn(&Path) -> vae_core::Result<()>;
    let panics: Read = |_| panic!("a reader's panic");
    let allocates: Read = |_| {
        drop(std::hint::black_box(vec![1u8; 4 << 20]));
        Ok(())
    };
    let nameless: Read = |_| Err(vae_core::Error::Argument("something is wrong".into()));
    for (read, expected) in
        [(panics, "a reader's panic"), (allocates, "of memory, more than"), (nameless, "does not name")]
    {
        let problem = feed(&Target { read, name: "harness", ..targets::plain_idx() }, 3).err().unwrap();
        assert!(problem.contains(expected) && problem.contains("input 0"), "{problem}");
        let kept = problem.rsplit_once("the file is ").unwrap().1;
        assert!(Path::new(kept).exists());
    }
}
