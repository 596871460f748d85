//! Images drawn from a seed, without any file: digits and garments in the form of MNIST and Fashion-MNIST.
//!
//! Image i of a set has a generator of its own, so the bytes depend neither on the number of threads nor on how many
//! images are drawn.

mod cloth;
mod digits;
mod garments;
mod pen;
mod shoes;

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

/// Draws an image of a class into the pixels.
type Draw = fn(u8, &mut dyn rand::RngCore, &mut [u8]);

/// The training and the test set called `name`, "digits" or else garments.
pub(crate) fn load(name: &str, device: &Device) -> Result<(Images, Images)> {
    Ok((draw(name, 0, TRAIN, device)?, draw(name, 1, TEST, device)?))
}

/// `count` images of the given part (0: training, 1: test), classes drawn uniformly.
fn draw(name: &str, part: u64, count: usize, device: &Device) -> Result<Images> {
    let (set, image) = match name {
        "digits" => (0, digits::draw as Draw),
        _ => (1, garments::draw as Draw),
    };
    let random = Random::new(SEED).stream(set).stream(part);
    let (mut pixels, mut labels) = (vec![0; count * PIXELS], vec![0u32; count]);
    pixels.par_chunks_mut(PIXELS).zip(&mut labels).enumerate().for_each(|(i, (pixels, label))| {
        let mut rng = random.stream(i as u64).rng();
        let class: u8 = rng.random_range(0..10);
        *label = class.into();
        image(class, &mut rng, pixels);
    });
    Images::new(pixels, labels, (1, SIDE, SIDE), device)
}

/// A draw from N(mean, std²), cut off at 2.5 standard deviations: what is drawn stays in the picture.
fn normal(rng: &mut (impl Rng + ?Sized), mean: f32, std: f32) -> f32 {
    // The sum of three uniform draws (Irwin 1927, Hall 1927) has variance 1/4 and is a bell already.
    let sum: f32 = (0..3).map(|_| rng.random::<f32>()).sum();
    mean + std * ((sum - 1.5) * 2.0).clamp(-2.5, 2.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes are the same with one thread and with several, and the first images do not depend on how many follow.
    #[test]
    fn bits_do_not_depend_on_threads() {
        for name in ["digits", "garments"] {
            let on = |threads, count| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| draw(name, 0, count, &Device::Cpu).unwrap())
            };
            let (one, three) = (on(1, 200), on(3, 300));
            assert!(one.bytes() == three.take(200).bytes() && one.labels() == three.take(200).labels());
            assert_ne!(one.bytes(), draw(name, 1, 200, &Device::Cpu).unwrap().bytes(), "test images are others");
        }
    }

    /// All classes are equally common, no image is nearly empty or nearly full, and brightness is that of
    /// MNIST (mean 0.1307, standard deviation 0.3081) and Fashion-MNIST (0.2860, 0.3530) within 0.03.
    #[test]
    fn statistics_are_those_of_the_real_sets() {
        for (name, mean, std) in [("digits", 0.1307, 0.3081), ("garments", 0.2860, 0.3530)] {
            let images = draw(name, 0, 5000, &Device::Cpu).unwrap();
            let moments = images.statistics();
            println!("{name}: {moments:?}");
            assert!((moments.0 - mean).abs() < 0.03 && (moments.1 - std).abs() < 0.03, "{name}: {moments:?}");
            for label in 0..10 {
                let class = images.of_class(label);
                assert!((400..600).contains(&class.len()), "{name} {label}: {}", class.len());
                let ink = |image: &[u8]| image.iter().filter(|&&byte| byte > 20).count();
                assert!(class.bytes().chunks(PIXELS).all(|image| (20..700).contains(&ink(image))), "{name} {label}");
            }
        }
    }

    /// Digits are centred as MNIST is: the centre of mass lies within a pixel of pixel 14 in both directions.
    #[test]
    fn digits_are_centred() {
        let images = draw("digits", 0, 500, &Device::Cpu).unwrap();
        for image in images.bytes().chunks(PIXELS) {
            let mass: f32 = image.iter().map(|&byte| f32::from(byte)).sum();
            let mean = |at: fn(usize) -> usize| {
                image.iter().enumerate().map(|(i, &byte)| at(i) as f32 * f32::from(byte)).sum::<f32>() / mass
            };
            let (x, y) = (mean(|i| i % SIDE), mean(|i| i / SIDE));
            assert!((x - 14.0).abs() <= 1.0 && (y - 14.0).abs() <= 1.0, "{x} {y}");
        }
    }
}
