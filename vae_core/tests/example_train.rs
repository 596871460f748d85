//! `examples/train.rs` as a user runs it. `cargo test` builds it beside these tests, `cargo test --test example_train`
//! alone does not.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

use vae_core::image::{Rgb, RgbImage};

/// Runs the example as a quick rehearsal on embedded digits. Returns whether it succeeded, and what it printed.
fn train(arguments: &[&str]) -> (bool, String) {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().parent().unwrap().join("examples").join("train");
    // Bit for bit is the CPU's promise, whatever this is built with.
    let environment = [("VAE_FAST", "1"), ("VAE_CORE_DEVICE", "cpu")];
    let output = Command::new(example).args(arguments).envs(environment).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

const SMALL: [&str; 12] =
    ["--data", "digits", "--hidden", "32", "--latent", "4", "--validation", "200", "--seed", "3", "--batch-size", "64"];

fn read(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap()
}

/// A run writes everything it promises, and one that is stopped and resumed by its folder alone ends with the same
/// weights.
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

/// Each model's name stands for its layers.
#[test]
fn models_have_their_layers() {
    for (model, total) in [
        ("mlp", "973,624"),
        ("conv", "807,025"),
        ("denoise", "866,144"),
        ("conditional --data digits", "981,624"), // and 10·(400 + 400)
        ("conditional --told decoder", "977,624"),
        ("conditional --prior learned", "982,064"), // and 11·(20 + 20)
        ("conditional-conv", "839,665"),            // and 10·(3,136 + 64 + 64)
    ] {
        let words: Vec<&str> = ["--summary", "--model"].into_iter().chain(model.split(' ')).collect();
        let (ok, text) = train(&words);
        assert!(ok && text.contains(&format!("Total parameters: {total}")), "{model}: {text}");
    }
    let (ok, text) = train(&["--summary", "--model", "conv", "--latent", "3"]);
    assert!(ok && text.contains("[-1, 3]"), "{text}");
}

/// A denoiser says how noisy images were and how noisy they are, and resumes with its corruption by its folder alone.
#[test]
fn denoises_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let [straight, stopped] = ["straight", "stopped"].map(|name| folder.path().join(name));
    for (out, epochs) in [(&straight, "2"), (&stopped, "1")] {
        let denoise = ["--model", "denoise", "--corrupt", "salt-and-pepper:0.2"];
        let arguments = [&SMALL[..], &denoise, &["--epochs", epochs, "--out", out.to_str().unwrap()]].concat();
        let (ok, text) = train(&arguments);
        assert!(ok && text.contains("corrupted with salt-and-pepper:0.2: 500 images"), "{text}");
        assert!(text.contains("denoised: 500 images"), "{text}");
    }
    assert!(String::from_utf8(read(&stopped, "arguments.json")).unwrap().contains("\"salt-and-pepper:0.2\""));
    let (ok, text) = train(&["--resume", stopped.to_str().unwrap(), "--epochs", "2"]);
    assert!(ok && text.contains("resuming after epoch 1"), "{text}");
    assert_eq!(read(&stopped, "model.safetensors"), read(&straight, "model.safetensors"));
    let (ok, text) = train(&["--resume", stopped.to_str().unwrap(), "--corrupt", "blur:1.0"]);
    assert!(!ok && text.contains("salt-and-pepper:0.2") && text.contains("blur:1.0"), "{text}");
}

/// A conditional model learns from the labels, draws by them, and resumes with its options by its folder alone.
#[test]
fn conditional_models_resume() {
    let folder = tempfile::tempdir().unwrap();
    let [straight, stopped] = ["straight", "stopped"].map(|name| folder.path().join(name));
    for (out, epochs) in [(&straight, "2"), (&stopped, "1")] {
        let model = ["--model", "conditional", "--prior", "learned", "--told", "decoder", "--corrupt", "mask:4"];
        let (ok, text) = train(&[&SMALL[..], &model, &["--epochs", epochs, "--out", out.to_str().unwrap()]].concat());
        assert!(ok && text.contains("prior.fc_mu (Linear)") && text.contains("test ELBO"), "{text}");
    }
    let (ok, text) = train(&["--resume", stopped.to_str().unwrap(), "--epochs", "2"]);
    assert!(ok && text.contains("resuming after epoch 1"), "{text}");
    assert_eq!(read(&stopped, "model.safetensors"), read(&straight, "model.safetensors"));
    let (ok, text) = train(&["--resume", stopped.to_str().unwrap(), "--prior", "standard"]);
    assert!(!ok, "{text}");
}

/// Each objective trains, shows what it records, and resumes by its folder alone as straight.
#[test]
fn objectives_train_and_resume() {
    for (options, words) in [
        (&["--objective", "beta"][..], &["test ELBO"][..]),
        (&["--objective", "capacity", "--capacity", "5", "--gamma", "100"], &["test capacity 5.000"]),
        (&["--objective", "beta-tc", "--beta", "3"], &["total correlation", "test mutual information"]),
        (&["--objective", "factor", "--discriminator", "16,16"], &["test total correlation", "critic loss"]),
        (&["--objective", "iwae", "--samples", "3", "--schedule", "cosine", "--schedule-epochs", "2"], &["test bound"]),
        (
            &["--objective", "dreg", "--prior", "mixture", "--components", "5", "--activation", "tanh"],
            &["prior.", "bound"],
        ),
        (&["--objective", "free-bits", "--nats", "0.5"], &["test charged KL"]),
        (&["--prior", "vamp", "--components", "5", "--output-bias", "--cycle-epochs", "1"], &["prior.", "test ELBO"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let [straight, stopped] = ["straight", "stopped"].map(|name| folder.path().join(name));
        for (out, epochs) in [(&straight, "2"), (&stopped, "1")] {
            let (ok, text) =
                train(&[&SMALL[..], options, &["--epochs", epochs, "--out", out.to_str().unwrap()]].concat());
            assert!(ok && words.iter().all(|word| text.contains(word)), "{text}");
        }
        let (ok, text) = train(&["--resume", stopped.to_str().unwrap(), "--epochs", "2"]);
        assert!(ok && text.contains("resuming after epoch 1"), "{text}");
        assert_eq!(read(&stopped, "model.safetensors"), read(&straight, "model.safetensors"), "{options:?}");
    }
}

/// An option of another objective is refused, and so are two that do not go together; the answer names both.
#[test]
fn refuses_options_of_other_objectives() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    for (arguments, words) in [
        (&["--gamma", "3"][..], &["--gamma", "capacity, beta-tc, factor", "is elbo"][..]),
        (&["--objective", "factor", "--beta", "3"], &["--beta", "elbo, beta, denoise, beta-tc", "is factor"]),
        (&["--objective", "capacity", "--warmup-epochs", "3"], &["--warmup-epochs", "is capacity"]),
        (&["--objective", "beta", "--sampling", "weighted"], &["--sampling", "beta-tc", "is beta"]),
        (&["--objective", "beta-tc", "--capacity", "3"], &["--capacity", "is beta-tc"]),
        (&["--objective", "beta-tc", "--discriminator", "9"], &["--discriminator", "factor"]),
        (&["--objective", "beta-tc", "--discriminator", "0"], &["--discriminator", "1 or more"]),
        (&["--objective", "factor", "--corrupt", "mask:3"], &["--objective factor", "--corrupt", "denoise"]),
        (&["--objective", "elbo", "--model", "denoise"], &["--objective elbo", "denoise"]),
        (&["--objective", "gan"], &["--objective", "gan", "beta-tc"]),
    ] {
        let (ok, text) = train(&[&SMALL[..], arguments, &["--out", out.to_str().unwrap()]].concat());
        assert!(!ok && !text.contains("panicked") && !out.exists(), "{text}");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in the answer to {arguments:?}: {text}");
        }
    }
}

/// A folder of pictures is data like a set: the model takes its shape, and the run resumes by its folder alone, as straight.
#[test]
fn trains_on_a_folder_of_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for i in 0..60u32 {
        let picture = RgbImage::from_fn(20 + i % 5, 30, |x, y| Rgb([(4 * i) as u8, (9 * x) as u8, (7 * y) as u8]));
        picture.save(pictures.join(format!("{i}.{}", ["png", "jpg"][(i % 2) as usize]))).unwrap();
    }
    std::fs::write(pictures.join("notes.txt"), "none").unwrap();
    let [straight, stopped] = ["straight", "stopped"].map(|name| folder.path().join(name));
    for (out, epochs) in [(&straight, "2"), (&stopped, "1")] {
        let arguments = ["--data", pictures.to_str().unwrap(), "--size", "8x12", "--hidden", "16", "--latent", "4"];
        let (ok, text) = train(&[&arguments[..], &["--epochs", epochs, "--out", out.to_str().unwrap()]].concat());
        assert!(ok && text.contains("pictures: 60 pictures of 3×8×12, 0.0 MB in memory; 1 left out"), "{text}");
        assert!(text.contains("notes.txt: is neither a PNG nor a JPEG") && text.contains("test ELBO"), "{text}");
    }
    let (ok, text) = train(&["--resume", stopped.to_str().unwrap(), "--epochs", "2"]);
    assert!(ok && text.contains("resuming after epoch 1"), "{text}");
    assert_eq!(read(&stopped, "model.safetensors"), read(&straight, "model.safetensors"));
    for (model, total) in [("mlp", "422,536"), ("conv", "277,969")] {
        let shape = ["--data", pictures.to_str().unwrap(), "--size", "8x12", "--grey", "--summary", "--model", model];
        let (ok, text) = train(&shape);
        assert!(ok && text.contains(total), "{text}");
    }

    // In sub-folders, they have labels.
    let conditional = ["--data", pictures.to_str().unwrap(), "--size", "8x12", "--model", "conditional"];
    let (ok, text) = train(&[&conditional[..], &["--out", folder.path().join("none").to_str().unwrap()]].concat());
    assert!(!ok && text.contains("no sub-folders"), "{text}");
    for (kind, class) in [("png", "day"), ("jpg", "night")] {
        std::fs::create_dir(pictures.join(class)).unwrap();
        for i in (0..60).filter(|i| i % 2 == u32::from(kind == "jpg")) {
            let name = format!("{i}.{kind}");
            std::fs::rename(pictures.join(&name), pictures.join(class).join(&name)).unwrap();
        }
    }
    let out = folder.path().join("conditional");
    let small = ["--hidden", "16", "--latent", "4", "--epochs", "1", "--out", out.to_str().unwrap()];
    let (ok, text) = train(&[&conditional[..], &small].concat());
    assert!(ok && text.contains("test ELBO"), "{text}");
}

/// A run that is refused leaves nothing behind where nothing was, and the earlier arguments where there were some.
#[test]
fn a_refused_run_leaves_no_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let refused = |setting: &[&str]| {
        let (ok, text) = train(&[&SMALL[..], setting, &["--out", out.to_str().unwrap()]].concat());
        assert!(!ok && !text.contains("panicked"), "{text}");
    };
    for setting in [["--learning-rate", "0"], ["--beta", "-1"], ["--clip-gradient", "-1"], ["--corrupt", "mask:29"]] {
        refused(&setting);
        assert!(!out.exists(), "{setting:?}");
    }
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("arguments.json"), "earlier").unwrap();
    refused(&["--learning-rate", "0"]);
    assert_eq!(read(&out, "arguments.json"), b"earlier");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
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
        (vec!["--data", "cifar", "--out", out], vec!["cifar", "mnist", "folder of pictures"]),
        (vec!["--data", empty, "--out", out], vec!["holds no PNG or JPEG picture"]),
        (vec!["--data", empty, "--size", "64", "--out", out], vec!["--size", "48x64"]),
        (vec!["--data", empty, "--size", "0x64", "--out", out], vec!["--size", "1 or more"]),
        (vec!["--data", "digits", "--grey", "--out", out], vec!["--grey", "digits"]),
        (vec!["--learning-rate", "-1", "--data", "digits", "--out", out], vec!["learning"]),
        (vec!["--data", "digits"], vec!["--out"]),
        (vec!["--corrupt", "rain:3", "--out", out], vec!["rain:3", "gaussian:0.2", "mask:10"]),
        (vec!["--model", "conv", "--hidden", "32", "--out", out], vec!["--hidden", "mlp"]),
        (vec!["--model", "conditional-conv", "--hidden", "32", "--out", out], vec!["--hidden", "conditional"]),
        (vec!["--model", "conditional", "--told", "nobody", "--out", out], vec!["--told", "decoder"]),
        (vec!["--model", "conditional", "--prior", "wide", "--out", out], vec!["--prior", "learned", "real-nvp"]),
        (vec!["--model", "conditional", "--prior", "vamp", "--out", out], vec!["VampPrior", "Told::Decoder"]),
        (vec!["--prior", "learned", "--out", out], vec!["--prior learned and --told", "conditional-conv"]),
        (
            vec!["--model", "conv", "--told", "both", "--out", out],
            vec!["--prior learned and --told", "conditional-conv"],
        ),
        (vec!["--components", "9", "--out", out], vec!["--components", "--prior vamp"]),
        (vec!["--model", "conv", "--activation", "tanh", "--out", out], vec!["--activation", "conv"]),
        (vec!["--objective", "factor", "--samples", "3", "--out", out], vec!["--samples", "iwae", "factor"]),
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
