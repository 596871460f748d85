//! The feature `cuda` on a device. Where there is none, each test says that it is skipped, and why.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checks;

use vae_core::prelude::*;

/// All that is computed on a CUDA device agrees with the CPU.
#[test]
fn cuda_agrees_with_the_cpu() {
    let device = best_device().unwrap();
    if !device.is_cuda() {
        println!("skipped: {} checks need a CUDA device (the line above says why there is none)", checks::ALL.len());
        return;
    }
    for (name, check) in checks::ALL {
        check(&checks::Second { device: device.clone(), around: &|f| f() });
        println!("{name}: as on the CPU");
    }
}

/// A model that was trained on a CUDA device comes back from its file, there and on the CPU, and says the same of an image.
#[test]
fn models_change_devices() {
    let device = best_device().unwrap();
    if !device.is_cuda() {
        println!("skipped: needs a CUDA device (the line above says why there is none)");
        return;
    }
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
