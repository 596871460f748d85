//! The whole way of a CUDA tensor, but for the launch itself, against the library on the CPU: each test computes twice, the
//! second time with `emulator::emulate`.

use candle_core::{Device, Tensor, Var};

use super::emulator::emulate;
use crate::prelude::*;
use crate::{Result, nn};

const CPU: Device = Device::Cpu;

fn numbers(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

/// Asserts that two lists are equal but for rounding, relative to the largest number.
fn close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-3f32, |max, x| max.max(x.abs()));
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}, number {i}: {a} instead of {b}");
    }
}

/// Computes f on the CPU's own way and on the way of a CUDA tensor, and compares.
fn both(what: &str, tolerance: f32, f: impl Fn() -> Result<Vec<Tensor>>) {
    let expected = f().unwrap();
    let Some(got) = emulate(|| f().unwrap()) else { return };
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert_eq!(got.dims(), expected.dims(), "{what}, tensor {i}");
        close(&format!("{what}, tensor {i}"), &numbers(got), &numbers(expected), tolerance);
    }
}

/// The value of f(vars) and its gradients by `nn::backward` and by candle's own `backward`.
fn with_gradients(vars: &[Var], f: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<Vec<Tensor>> {
    let tensors: Vec<_> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let y = f(&tensors)?;
    // Every number of y with a weight of its own, so that no mistake in its place can hide.
    let weights = Random::new(99).uniform(y.shape(), &CPU)?;
    let loss = (&y * weights)?.sum_all()?;
    let (ours, candles) = (nn::backward(&loss)?, loss.backward()?);
    let mut results = vec![y.detach()];
    for var in vars {
        results.extend(ours.get(var)?);
        results.extend(candles.get(var).cloned());
    }
    Ok(results)
}

fn var(seed: u64, shape: &[usize]) -> Var {
    Var::from_tensor(&Random::new(seed).normal(shape, &CPU).unwrap()).unwrap()
}

/// A device draws the very numbers of the CPU: uniform ones bit for bit, normal ones to rounding, ends of blocks included, and
/// the generator moves on alike.
#[test]
fn noise_is_the_same() {
    for count in [1, 2, 15, 16, 17, 4095, 4096, 4097, 10_001] {
        let draw = || {
            let mut random = Random::new(7).stream(3);
            Ok(vec![random.uniform(count, &CPU)?, random.normal(count, &CPU)?, random.uniform(5, &CPU)?])
        };
        both(&format!("{count} draws"), 1e-6, draw);
        if let Some(uniform) = emulate(|| numbers(&draw().unwrap()[0])) {
            assert_eq!(uniform, numbers(&draw().unwrap()[0]));
        }
    }
}

/// Batches gathered on the device hold the same bits with the same labels: shuffled, in order, by index, after a change of set.
#[test]
fn batches_are_the_same() {
    let pixels = (0..7 * 12).map(|i| (i * 37 % 256) as u8).collect();
    let images = Images::new(pixels, (0..7).collect(), (3, 2, 2), &CPU).unwrap();
    let gather = |images: Images| {
        let mut all = vec![images.at(&[6, 0, 6])?];
        for batch in images.batches(3, &mut Random::new(5))?.chain(images.chunks(4)?) {
            let batch = batch?;
            all.push(Tensor::from_vec(batch.labels.iter().map(|&l| l as f32).collect(), batch.labels.len(), &CPU)?);
            all.push(batch.images);
        }
        Ok(all)
    };
    both("batches", 0.0, || gather(images.clone()));
    both("batches of some", 0.0, || gather(images.select(&[1, 2, 3, 4, 5, 6, 6])?));
    both("other pixels", 0.0, || gather(images.binarized(3)));
    let error = emulate(|| images.at(&[2, 7]).unwrap_err().to_string());
    assert!(error.is_none_or(|error| error == "image 7: there are 7 images, counted from 0"));
}

/// A stack of linear layers with each nonlinearity, and two heads at its end, has the CPU's values and gradients.
#[test]
fn linear_stacks_are_the_same() {
    for activation in [None, Some(Activation::Relu), Some(Activation::LeakyRelu(0.1)), Some(Activation::Tanh)] {
        let mut params = nn::Params::new();
        let mut layer = |name: &str, a, b| Linear::new(&mut params, name, a, b, &mut Random::new(a as u64), &CPU).unwrap();
        let stack = Stack::new().push(layer("a", 33, 40), activation).push(layer("b", 40, 17), activation);
        let heads = stack.clone().push(Layer::Pair(layer("c", 17, 5), layer("d", 17, 4)), None);
        let vars: Vec<_> = params.iter().map(|(_, var)| var.clone()).chain([var(1, &[300, 33])]).collect();
        both("linear", 1e-5, || with_gradients(&vars[vars.len() - 1..], |x| heads.forward(&x[0])));
        both("its parameters", 1e-5, || with_gradients(&vars, |x| heads.forward(&x[x.len() - 1])));
        both("two heads", 1e-5, || {
            with_gradients(&vars, |x| {
                let (a, b) = heads.forward_pair(&x[x.len() - 1])?;
                Ok(Tensor::cat(&[b, a], 1)?)
            })
        });
    }
}

/// Convolutions of both kinds have the CPU's values and gradients for any stride, padding, dilation, window and side.
#[test]
fn convolutions_are_the_same() {
    for (i, &(kernel, stride, padding, dilation, h, w)) in
        [(3, 1, 1, 1, 8, 8), (3, 2, 1, 1, 9, 6), (4, 3, 0, 1, 11, 10), (2, 2, 1, 3, 9, 12), (1, 1, 0, 1, 5, 3), (5, 1, 4, 1, 4, 7)]
            .iter()
            .enumerate()
    {
        let mut params = nn::Params::new();
        let mut random = Random::new(i as u64);
        let down = Conv2dConfig { stride, padding, dilation, ..Conv2dConfig::new(3, 5, kernel) };
        let output_padding = usize::from(stride > 1);
        let up = ConvTranspose2dConfig {
            stride, padding, dilation, output_padding, ..ConvTranspose2dConfig::new(5, 2, kernel)
        };
        let stack = Stack::new()
            .push(Conv2d::new(&mut params, "down", down, &mut random, &CPU).unwrap(), Activation::LeakyRelu(0.2))
            .push(ConvTranspose2d::new(&mut params, "up", up, &mut random, &CPU).unwrap(), Activation::Tanh)
            .push(Layer::Flatten, None);
        let x = var(50, &[70, 3, h, w]);
        let vars: Vec<_> = params.iter().map(|(_, var)| var.clone()).chain([x]).collect();
        both(&format!("{down:?}"), 2e-5, || with_gradients(&vars, |x| stack.forward(&x[x.len() - 1])));
    }
}

/// Likelihood, divergence and draw have the CPU's values and gradients, logits that overflow an exponential included.
#[test]
fn distributions_are_the_same() {
    let mut wide = numbers(&var(3, &[6, 1, 28, 28]));
    wide[..4].copy_from_slice(&[1e4, -1e4, 90.0, -90.0]);
    let logits = Var::from_vec(wide, (6, 1, 28, 28), &CPU).unwrap();
    let x = Var::from_tensor(&Random::new(4).uniform((6, 1, 28, 28), &CPU).unwrap()).unwrap();
    both("Bernoulli", 1e-6, || with_gradients(&[logits.clone(), x.clone()], |x| Bernoulli::new(x[0].clone())?.log_prob(&x[1])));
    both("its mean", 1e-6, || with_gradients(&[logits.clone()], |x| Bernoulli::new(x[0].clone())?.mean()));
    let q = [var(5, &[7, 20]), var(6, &[7, 20])];
    let gaussian = |x: &[Tensor]| DiagonalGaussian::new(x[0].clone(), x[1].clone());
    both("KL", 1e-6, || with_gradients(&q, |x| gaussian(x)?.kl_to_standard()));
    both("draw", 1e-6, || with_gradients(&q, |x| gaussian(x)?.rsample(&mut Random::new(8))));
}

/// Adam moves more parameters than one launch holds as the CPU does, and leaves those without a gradient alone.
#[test]
fn adam_is_the_same() {
    both("Adam", 1e-6, || {
        let mut params = nn::Params::new();
        let vars: Vec<_> = (1..=100).map(|n| params.register(format!("p{n}"), var(n as u64, &[n])).unwrap()).collect();
        let mut adam = Adam::new(&params, AdamConfig { learning_rate: 0.1, ..Default::default() })?;
        for _ in 0..3 {
            let mut loss = Tensor::zeros((), DType::F32, &CPU)?;
            for x in vars.iter().step_by(2) {
                loss = (loss + x.sqr()?.sum_all()?)?;
            }
            adam.step(&loss.backward()?, 0.5)?;
        }
        Ok(params.iter().map(|(_, var)| var.as_tensor().copy().unwrap()).collect())
    });
}

/// Training an MLP, a convolutional and a denoising VAE gives the CPU's losses and weights.
#[test]
fn training_is_the_same() {
    let images = data::digits(&CPU).unwrap().train.take(96);
    let curve = |vae: &mut dyn Vae, objective: Denoising| -> Result<Vec<Tensor>> {
        let trainer = Trainer::new(objective).epochs(2).batch_size(40).validation(16).quiet();
        let history = trainer.fit(vae, &images)?;
        let losses = history.epochs.iter().flat_map(|e| [e.train.loss, e.train.kl, e.validation.unwrap_or_default().loss]);
        let losses: Vec<_> = losses.map(|x| x as f32).collect();
        let weights = vae.params().iter().map(|(_, var)| var.as_tensor().copy());
        Ok([Tensor::from_vec(losses, 6, &CPU)?].into_iter().chain(weights.collect::<candle_core::Result<Vec<_>>>()?).collect())
    };
    let clean = Denoising { corruption: Corruption::Gaussian { std: 0.0 }, ..Default::default() };
    for objective in [clean, Denoising::default(), Denoising { corruption: Corruption::SaltAndPepper { share: 0.2 }, ..clean }] {
        both("MLP", 1e-3, || {
            let config = MlpVaeConfig { hidden: vec![30], latent: 3, ..Default::default() };
            curve(&mut MlpVae::new(config, &CPU, 1)?, objective)
        });
    }
    both("convolutional", 1e-3, || {
        curve(&mut ConvVae::new(ConvVaeConfig { latent: 3, ..Default::default() }, &CPU, 1)?, clean)
    });
}
