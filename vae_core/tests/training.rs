//! Training: exact repetition, exact resume, and every way to be stopped.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use vae_core::{objectives::Terms, prelude::*, serde_json, train::EpochRecord};

const CPU: Device = Device::Cpu;

/// Images of 6×6 pixels with something to learn: a bright row or column.
fn images(n: usize) -> Images {
    let mut random = Random::new(99);
    let (mut pixels, mut labels) = (vec![], vec![]);
    for _ in 0..n {
        let (line, vertical) = (random.below(6), random.below(2));
        let noise: Vec<f32> = random.uniform(36, &CPU).unwrap().to_vec1().unwrap();
        let on = |i: usize| if vertical == 1 { i % 6 == line } else { i / 6 == line };
        pixels.extend((0..36).map(|i| if on(i) { 230 } else { (noise[i] * 20.0) as u8 }));
        labels.push(vertical as u32);
    }
    Images::new(pixels, labels, (1, 6, 6), &CPU).unwrap()
}

fn model(seed: u64) -> MlpVae {
    let config = MlpVaeConfig { image: (1, 6, 6), hidden: vec![24, 16], latent: 3, ..Default::default() };
    MlpVae::new(config, &CPU, seed).unwrap()
}

fn trainer(epochs: usize) -> Trainer {
    Trainer::new(Elbo { warmup_epochs: 2.0, cycle_epochs: 4.0, ..Default::default() })
        .schedule(Schedule::Cosine { epochs: 5.0 })
        .epochs(epochs)
        .batch_size(32)
        .seed(5)
        .validation(50)
        .clip_gradient(20.0)
        .binarize()
        .quiet()
}

fn bits(vae: &MlpVae) -> Vec<u32> {
    let values = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    vae.params().iter().flat_map(|(_, var)| values(var)).map(f32::to_bits).collect()
}

/// The record of an epoch without the clock.
type Numbers = (usize, u64, Means, Option<Means>, Option<Vec<f64>>, f64);

/// What of a history must repeat: everything but the clock.
fn numbers(history: &History) -> Vec<Numbers> {
    let numbers =
        |e: &EpochRecord| (e.epoch, e.steps, e.train.clone(), e.validation.clone(), e.kl_per_dimension.clone(), e.beta);
    history.epochs.iter().map(numbers).collect()
}

/// The same seed gives the same weights and losses, bit for bit, with one thread and with several.
#[test]
fn repeats_whatever_the_thread_count() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut vae = model(1);
            let history = trainer(3).fit(&mut vae, &images(300)).unwrap();
            (bits(&vae), numbers(&history))
        })
    };
    let one = run(1);
    assert_eq!(one, run(1));
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

/// Models that are trained at the same time, on the same threads, end as if each had been alone.
#[test]
fn side_by_side_as_alone() {
    let images = images(300);
    let run = |seed| {
        let mut vae = model(seed);
        let history = trainer(2).fit(&mut vae, &images).unwrap();
        (bits(&vae), numbers(&history))
    };
    let alone: Vec<_> = (0..8).map(run).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|seed| scope.spawn(move || run(seed))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (seed, (alone, together)) in alone.iter().zip(&together).enumerate() {
        assert!(alone == together, "model {seed}");
    }
}

/// Training improves the ELBO on images that it did not see, and β follows its warm-up.
#[test]
fn learns() {
    let mut vae = model(1);
    let history = trainer(8).learning_rate(3e-3).fit(&mut vae, &images(600)).unwrap();
    let validation: Vec<f64> = history.epochs.iter().map(|e| e.validation.as_ref().unwrap().elbo).collect();
    assert!(validation[7] > validation[0] + 3.0, "{validation:?}");
    assert!(history.epochs[0].beta < 0.5 && history.epochs[7].beta == 1.0);
}

/// Stopped after any epoch and resumed, a run ends with the weights, the optimizer and the history of one that never stopped.
#[test]
fn resumes_exactly() {
    let images = images(300);
    let mut straight = model(1);
    let expected = trainer(4).fit(&mut straight, &images).unwrap();
    for stop in 1..4 {
        let folder = tempfile::tempdir().unwrap();
        trainer(stop).checkpoints(folder.path()).fit(&mut model(1), &images).unwrap();
        let mut resumed = model(77); // other weights, to be replaced by the checkpoint's
        let history = trainer(4).checkpoints(folder.path()).resume().fit(&mut resumed, &images).unwrap();
        assert_eq!(bits(&resumed), bits(&straight), "stopped after epoch {stop}");
        assert_eq!(numbers(&history), numbers(&expected));
        assert_eq!(History::open(folder.path().join("history.json")).unwrap(), history);
    }
}

/// The KL of the dimensions adds up to the held-out KL of each epoch, and the film holds the epochs that were asked for, of the same noise; both
/// come back after a stop, and neither changes the run.
#[test]
fn what_is_recorded_on_the_way_comes_back() {
    let images = images(300);
    let plain = || Trainer::new(Elbo::default()).batch_size(32).seed(5).validation(50).quiet();
    let filmed = |epochs| plain().epochs(epochs).film(4, [0, 1, 3, 4]);
    let (mut bare, mut straight) = (model(1), model(1));
    plain().epochs(4).fit(&mut bare, &images).unwrap();
    let expected = filmed(4).fit(&mut straight, &images).unwrap();
    assert_eq!(bits(&bare), bits(&straight));
    assert_eq!(expected.film.iter().map(|frame| frame.epoch).collect::<Vec<_>>(), [0, 1, 3, 4]);
    assert!(expected.film.windows(2).all(|pair| pair[0].pixels != pair[1].pixels));
    for record in &expected.epochs {
        let (each, whole) = (record.kl_per_dimension.as_ref().unwrap(), record.validation.as_ref().unwrap().kl);
        assert!((each.iter().sum::<f64>() - whole).abs() < 1e-3, "{each:?} {whole}");
    }
    let folder = tempfile::tempdir().unwrap();
    filmed(2).checkpoints(folder.path()).fit(&mut model(1), &images).unwrap();
    let history = filmed(4).checkpoints(folder.path()).resume().fit(&mut model(9), &images).unwrap();
    assert_eq!((&history.film, numbers(&history)), (&expected.film, numbers(&expected)));

    // A history from before both were recorded opens, without them.
    let path = folder.path().join("history.json");
    let mut old: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("film");
    for record in old["epochs"].as_array_mut().unwrap() {
        record.as_object_mut().unwrap().remove("kl_per_dimension");
    }
    std::fs::write(&path, old.to_string()).unwrap();
    let old = History::open(&path).unwrap();
    assert!(old.film.is_empty() && old.epochs.iter().all(|record| record.kl_per_dimension.is_none()));
}

/// Resuming a run that ended changes nothing, and keeping the best weights survives a stop.
#[test]
fn resumes_the_best_weights_too() {
    let images = images(300);
    let settings = |epochs| trainer(epochs).learning_rate(0.05).keep_best();
    let mut straight = model(1);
    let expected = settings(6).fit(&mut straight, &images).unwrap();
    assert!(expected.best().unwrap().epoch < 6, "the test needs a run whose best epoch is not its last:\n{expected}");
    let folder = tempfile::tempdir().unwrap();
    for epochs in [3, 6, 6] {
        let mut vae = model(8);
        if epochs == 3 {
            vae = model(1);
        }
        let history = settings(epochs).checkpoints(folder.path()).resume().fit(&mut vae, &images).unwrap();
        if epochs == 6 {
            assert_eq!(bits(&vae), bits(&straight));
            assert_eq!(numbers(&history), numbers(&expected));
        }
    }
    let best = MlpVae::open(folder.path().join("best.safetensors"), &CPU).unwrap();
    assert_eq!(bits(&best), bits(&straight));
}

/// Early stopping ends the run `patience` epochs after the best one.
#[test]
fn stops_early() {
    let mut vae = model(1);
    let history = trainer(200).learning_rate(0.05).early_stopping(3).fit(&mut vae, &images(120)).unwrap();
    assert_eq!(history.epochs.len(), history.best().unwrap().epoch + 3);
}

/// The ELBO until a certain step, then a loss that is not a number.
struct Breaks {
    at_epoch: f64,
}

impl Objective for Breaks {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms> {
        let mut terms = Elbo::default().terms(vae, batch, epoch, noise)?;
        if epoch.is_finite() && epoch >= self.at_epoch {
            terms.loss = (terms.loss * f64::NAN)?;
        }
        Ok(terms)
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!("breaks")
    }
}

/// A NaN loss stops training with epoch, step and checkpoint named; that checkpoint is the one before, and the weights are finite.
#[test]
fn nan_stops_training() {
    let folder = tempfile::tempdir().unwrap();
    let train =
        |at_epoch| Trainer::new(Breaks { at_epoch }).epochs(3).batch_size(50).checkpoints(folder.path()).quiet();
    let mut vae = model(1);
    let message = train(1.5).fit(&mut vae, &images(200)).unwrap_err().to_string();
    for part in ["epoch 2", "step 7", "NaN", &folder.path().display().to_string(), "learning rate"] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert!(vae.params().all_finite().unwrap());
    let history = train(9.0).resume().fit(&mut vae, &images(200)).unwrap();
    assert_eq!(history.epochs.iter().map(|e| e.epoch).collect::<Vec<_>>(), [1, 2, 3]);
}

fn refusal(trainer: Trainer, images: &Images) -> String {
    trainer.fit(&mut model(1), images).unwrap_err().to_string()
}

/// A folder with a checkpoint is not overwritten, not resumed with other settings, and not shared by two runs.
#[test]
fn folders_are_safe() {
    let folder = tempfile::tempdir().unwrap();
    let here = |trainer: Trainer| trainer.checkpoints(folder.path());
    here(trainer(1)).fit(&mut model(1), &images(200)).unwrap();
    let before = std::fs::read(folder.path().join("last.safetensors")).unwrap();

    assert!(refusal(here(trainer(2)), &images(200)).contains("resume it, or choose another folder"));
    let text = refusal(here(trainer(2).learning_rate(0.1)).resume(), &images(200));
    assert!(text.contains("learning_rate: 0.001 there, 0.1 here") && !text.contains("seed"), "{text}");
    assert!(refusal(here(trainer(2)).resume(), &images(210)).contains("images: 200 there, 210 here"));

    let lock = std::fs::File::create(folder.path().join("training.lock")).unwrap();
    lock.lock().unwrap();
    assert!(refusal(here(trainer(2)).resume(), &images(200)).contains("another training"));
    drop(lock);
    assert_eq!(std::fs::read(folder.path().join("last.safetensors")).unwrap(), before);

    let damaged = |bytes: &[u8]| {
        std::fs::write(folder.path().join("last.safetensors"), bytes).unwrap();
        let text = refusal(here(trainer(2)).resume(), &images(200));
        assert!(text.contains("last.safetensors"), "{text}");
    };
    damaged(&before[..before.len() / 2]);
    damaged(&before[..20]);
    damaged(b"");
}

/// No file but the promised ones is left, whatever the run went through.
#[test]
fn leaves_no_litter() {
    let folder = tempfile::tempdir().unwrap();
    trainer(2).checkpoints(folder.path()).fit(&mut model(1), &images(200)).unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["best.safetensors", "history.json", "last.safetensors"]);
}

/// Each setting that makes no sense is refused by name before anything happens.
#[test]
fn nonsense_is_refused() {
    let set = images(200);
    let plain = || Trainer::new(Elbo::default()).quiet();
    let cases = [
        (plain().epochs(0), "epochs"),
        (plain().batch_size(0), "batch size"),
        (plain().learning_rate(0.0), "learning rate"),
        (plain().learning_rate(f64::NAN), "learning rate"),
        (plain().clip_gradient(-1.0), "norm"),
        (plain().early_stopping(0).validation(9), "patience"),
        (plain().early_stopping(2), "validation"),
        (plain().keep_best(), "validation"),
        (plain().resume(), "checkpoints"),
        (plain().validation(200), "200"),
        (Trainer::new(Elbo { beta: -1.0, ..Default::default() }).quiet(), "beta"),
        (Trainer::new(Elbo { warmup_epochs: f64::NAN, ..Default::default() }).quiet(), "warmup_epochs"),
        (plain().checkpoints(Path::new("/proc/none/here")), "/proc/none/here"),
    ];
    for (trainer, word) in cases {
        let text = refusal(trainer, &set);
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    let mut vae = MlpVae::new(MlpVaeConfig::default(), &CPU, 1).unwrap();
    let text = plain().fit(&mut vae, &set).unwrap_err().to_string();
    assert!(text.contains("(1, 28, 28)") && text.contains("[1, 6, 6]"), "{text}");
}

/// The ELBO's terms are what the formulas give when they are written out with candle's operations.
#[test]
fn elbo_matches_the_formula() {
    let vae = model(3);
    let batch = images(40).batch(&(0..40).collect::<Vec<_>>()).unwrap();
    let terms = Elbo { beta: 0.7, warmup_epochs: 0.0, ..Default::default() }
        .terms(&vae, &batch, 0.0, &mut Random::new(4))
        .unwrap();
    let written_out = || -> Result<[f32; 3]> {
        let q = vae.encode(&batch.x)?;
        let epsilon = Random::new(4).normal((40, 3), &CPU)?;
        let z = (q.mu() + ((q.log_var() * 0.5)?.exp()? * epsilon)?)?;
        let p = vae.decode(&z)?.mean()?;
        let x = &batch.x;
        let log_p = ((x * p.log()?)? + ((1.0 - x)? * (1.0 - p)?.log()?)?)?;
        let reconstruction = (log_p.sum_all()?.to_scalar::<f32>()?) / 40.0;
        let kl = ((q.log_var().exp()? + q.mu().sqr()?)? - 1.0)?.sub(q.log_var())?.sum_all()?.to_scalar::<f32>()? / 80.0;
        Ok([0.7 * kl - reconstruction, reconstruction, kl])
    };
    assert!(terms.loss.dims().is_empty());
    let got = [terms.loss, terms.reconstruction, terms.kl].map(|t| t.to_scalar::<f32>().unwrap());
    for (got, want) in got.iter().zip(written_out().unwrap()) {
        assert!((got - want).abs() < 1e-4 * want.abs(), "{got} {want}");
    }
}
