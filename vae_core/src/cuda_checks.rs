//! What must come out the same on a CUDA device as on the CPU: single operations beside their references, then data and whole
//! trainings, computed twice and compared.
//!
//! Three programs have them: `tests/cuda.rs` and the example `gpu` run them on a device where there is one, and the library's unit
//! tests run them on the CPU through the emulator of the CUDA kernels. No part of the public interface.
#![allow(clippy::unwrap_used)] // a check that fails panics, and says where

pub use crate::ops::compare::Place;
use crate::{Result, ops, prelude::*, train::EpochRecord};

/// A check with its name. It panics where a number differs.
pub type Check = (&'static str, fn(&Place));

/// All of them.
pub const ALL: &[Check] = &[
    ("Bernoulli log-probability and mean", ops::bernoulli::check),
    ("Gaussian draw and KL", ops::gaussian::check),
    ("aggregate posterior", ops::aggregate::check),
    ("mixture of Gaussians", ops::mixture::check),
    ("weighted terms", ops::weigh::check),
    ("noise", ops::noise::check),
    ("gathered images", ops::gather::check),
    ("a step of Adam", ops::adam::check),
    ("bias and nonlinearity", ops::activation::check),
    ("linear layers", ops::linear::check),
    ("convolutions", ops::convolution::check),
    ("layers together", ops::stack::check::check),
    ("batches", batches),
    ("corruptions", corruptions),
    ("training", training),
    ("losses that are no numbers", not_finite),
    ("threads", threads),
];

const CPU: Device = Device::Cpu;

/// Batches hold the same bits with the same labels: shuffled, in order, by index, of part of a set and of other pixels.
fn batches(place: &Place) {
    let pixels = (0..7 * 12).map(|i| (i * 37 % 256) as u8).collect();
    let images = Images::new(pixels, (0..7).collect(), (3, 2, 2), &CPU).unwrap();
    let gather = |images: &Images, device: &Device| {
        let images = images.to_device(device);
        let mut all = vec![images.at(&[6, 0, 6])?];
        for batch in images.batches(3, &mut Random::new(5))?.chain(images.chunks(4)?) {
            let batch = batch?;
            all.extend(batch.y.map(|y| y.to_dtype(DType::F32)).transpose()?);
            all.push(batch.x);
        }
        Ok(all)
    };
    let [some, other] = [images.select(&[1, 2, 3, 4, 5, 6, 6]).unwrap(), images.binarized(3)];
    for (what, images) in [("batches", &images), ("batches of some", &some), ("other pixels", &other)] {
        place.both(what, 0.0, |device| gather(images, device));
    }
}

/// Every corruption of the same images with the same seed, strengths of 0 and 1 included.
fn corruptions(place: &Place) {
    for text in ["gaussian:0.2", "gaussian:0", "salt-and-pepper:0.3", "salt-and-pepper:1", "mask:3", "blur:1.0"] {
        let corruption: Corruption = text.parse().unwrap();
        place.both(text, 1e-6, |device| {
            let images = Random::new(1).uniform((5, 2, 9, 8), &CPU)?.to_device(device)?;
            Ok(vec![corruption.apply(&images, &mut Random::new(2))?])
        });
    }
}

fn digits(count: usize) -> Images {
    data::digits(&CPU).unwrap().train.take(count)
}

/// Losses and weights of short trainings, an MLP, a convolutional VAE, and denoisers.
fn training(place: &Place) {
    let images = digits(96);
    let curve = |device: &Device, vae: &mut dyn Vae, objective: Denoising| -> Result<Vec<Tensor>> {
        let trainer = Trainer::new(objective).epochs(2).batch_size(40).validation(16).quiet();
        let history = trainer.fit(vae, &images.to_device(device))?;
        let losses = |e: &EpochRecord| [e.train.loss, e.train.kl, e.validation.as_ref().map_or(0.0, |v| v.loss)];
        let losses: Vec<_> = history.epochs.iter().flat_map(losses).map(|x| x as f32).collect();
        let mut all = vec![Tensor::from_vec(losses, 6, &CPU)?];
        for (_, var) in vae.params().iter() {
            all.push(var.as_tensor().copy()?);
        }
        Ok(all)
    };
    let with = |corruption| Denoising { corruption, ..Default::default() };
    let clean = with(Corruption::Gaussian { std: 0.0 });
    for objective in [clean, with(Corruption::Gaussian { std: 0.2 }), with(Corruption::SaltAndPepper { share: 0.2 })] {
        place.both(&format!("MLP, {}", objective.corruption), 1e-3, |device| {
            let config = MlpVaeConfig { hidden: vec![30], latent: 3, ..Default::default() };
            curve(device, &mut MlpVae::new(config, device, 1)?, objective)
        });
    }
    place.both("convolutional", 1e-3, |device| {
        let config = ConvVaeConfig { latent: 3, ..Default::default() };
        curve(device, &mut ConvVae::new(config, device, 1)?, clean)
    });
}

/// A run whose loss becomes infinite stops with the step named, though losses are read late.
fn not_finite(place: &Place) {
    let message = place.compute(|device| {
        let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![8], ..Default::default() }, device, 1).unwrap();
        let trainer = Trainer::new(Elbo::default()).learning_rate(1e30).batch_size(10).quiet();
        trainer.fit(&mut vae, &digits(40).to_device(device)).unwrap_err().to_string()
    });
    assert!(message.contains("epoch 1, step 2: loss"), "{message}");
}

/// What one thread computes is there when another goes on with it.
fn threads(place: &Place) {
    let sum = place.compute(|device| {
        let mut x = Tensor::ones((1000, 1000), DType::F32, device).unwrap();
        for _ in 0..20 {
            x = std::thread::scope(|scope| scope.spawn(|| x.affine(1.0, 1.0).unwrap()).join().unwrap());
        }
        x.mean_all().unwrap().to_scalar::<f32>().unwrap()
    });
    assert!((sum - 21.0).abs() < 1e-3, "{sum}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cuda::emulator;

    /// Each check that a CUDA device has to pass, passed by the text of the kernels on the CPU; skipped without a C++ compiler.
    #[test]
    fn the_emulator_agrees_with_the_cpu() {
        if !emulator::works() {
            return;
        }
        for (name, check) in ALL {
            check(&Place { device: CPU, around: &|f| emulator::emulate(f) });
            println!("{name}: as on the CPU");
        }
    }
}
