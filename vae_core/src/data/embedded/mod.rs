//! Images drawn from a seed, without any file: digits and garments in the form of MNIST and Fashion-MNIST.
//!
//! Image i of a set has a generator of its own, so the bytes depend neither on the number of threads nor on how many
//! images are drawn.

mod cloth;
mod digits;
mod garments;
mod pen;

use candle_core::Device;
use rand::Rng;
use rayon::prelude::*;

use super::Images;
use crate::Result;
use crate::random::Random;

/// Height and width of the embedded images, as in MNIST.
const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const TRAIN: usize = 60_000;
const TEST: usize = 10_000;
/// Part of the definition of the embedded sets: another seed is another data set.
const SEED: u64 = 1998;

/// The training and the test set called `name`, "digits" or else garments.
pub(crate) fn load(name: &str, device: &Device) -> Result<(Images, Images)> {
    Ok((draw(name, 0, TRAIN, device)?, draw(name, 1, TEST, device)?))
}

/// `count` images of the given part (0: training, 1: test), classes drawn uniformly.
fn draw(name: &str, part: u64, count: usize, device: &Device) -> Result<Images> {
    let (set, image): (u64, fn(u8, &mut dyn rand::RngCore, &mut [u8])) = match name {
        "digits" => (0, digits::draw),
        _ => (1, garments::draw),
    };
    let random = Random::new(SEED).stream(set).stream(part);
    let (mut pixels, mut labels) = (vec![0; count * PIXELS], vec![0; count]);
    pixels.par_chunks_mut(PIXELS).zip(&mut labels).enumerate().for_each(|(i, (pixels, label))| {
        let mut rng = random.stream(i as u64).rng();
        *label = rng.random_range(0..10);
        image(*label, &mut rng, pixels);
    });
    Images::new(pixels, labels, (1, SIDE, SIDE), device)
}

/// A draw from N(mean, std²), cut off at 2.5 standard deviations: what is drawn stays in the picture.
fn normal(rng: &mut (impl Rng + ?Sized), mean: f32, std: f32) -> f32 {
    // The sum of three uniform draws (Irwin 1927, Hall 1927) has variance 1/4 and is a bell already.
    let sum: f32 = (0..3).map(|_| rng.random::<f32>()).sum();
    mean + std * ((sum - 1.5) * 2.0).clamp(-2.5, 2.5)
}
