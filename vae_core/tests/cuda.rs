//! The feature `cuda` on a device. Where there is none, each test says that it is skipped, and why.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Write, stderr};

use vae_core::{
    cuda_checks::{ALL, Place},
    prelude::*,
};

/// The CUDA device; without one, a line in the log that says so, and why. It is written to the stream itself: what goes through
/// `println!` or `eprintln!` is not shown when a test passes.
fn device(needed_for: &str) -> Option<Device> {
    let device = best_device().unwrap();
    if device.is_cuda() {
        return Some(device);
    }
    let why = Device::new_cuda(0).map_or_else(|error| error.to_string(), |_| "VAE_CORE_DEVICE asks for another".into());
    let why = why.lines().next().unwrap_or_default();
    let _ = writeln!(stderr(), "skipped: {needed_for}, for want of a CUDA device: {why}");
    None
}

/// All that is computed on a CUDA device agrees with the CPU.
#[test]
fn cuda_agrees_with_the_cpu() {
    let Some(device) = device(&format!("{} checks", ALL.len())) else { return };
    for (name, check) in ALL {
        check(&Place { device: device.clone(), around: &|f| f() });
        println!("{name}: as on the CPU");
    }
}

/// A model that was trained on a CUDA device comes back from its file, there and on the CPU, and says the same of an image.
#[test]
fn models_change_devices() {
    let Some(device) = device("models that change devices") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let images = data::digits(&device).unwrap().train.take(64);
    let mut vae = ConvVae::new(ConvVaeConfig { latent: 2, ..Default::default() }, &device, 1).unwrap();
    let trainer = Trainer::new(Elbo::default()).epochs(1).quiet();
    trainer.fit(&mut vae, &images).unwrap();
    vae.save(&path).unwrap();
    let mu = |device: &Device| {
        let vae = ConvVae::open(&path, device).unwrap();
        let q = vae.encode(&images.to_device(device).first(8).unwrap()).unwrap();
        q.mu().flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    for (there, here) in mu(&device).iter().zip(mu(&Device::Cpu)) {
        assert!((there - here).abs() < 1e-3, "{there} {here}");
    }
}
