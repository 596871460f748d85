//! The exercises of notebook 10, The clinic.

use candle_core::{Device, Tensor};

use super::Exercise;
use crate::{
    Result,
    formula::{formula, mean, mean_all, sum},
    random::Random,
};

/// 1 · The β of a cross-entropy averaged over 3×64×64 pixels and a KL averaged over 128 dimensions.
pub fn effective_beta(answer: f64) {
    let (pixels, dimensions) = (3.0 * 64.0 * 64.0, 128.0);
    Exercise::new("the effective β")
        .slip("two means over different numbers are not two sums", 1.0)
        .slip("that is for a KL summed over the dimensions; here it is their mean", pixels)
        .slip("that is its inverse", dimensions / pixels)
        .slip("the picture has three channels", 64.0 * 64.0 / dimensions)
        .check(answer, pixels / dimensions);
}

/// 2 · The β of the mean squared error over 784 pixels plus 0.001 times the summed KL, where σ² = 0.02 fits.
pub fn fitting_beta(answer: f64) {
    let (weight, pixels, variance) = (0.001, 784.0, 0.02);
    Exercise::new("β at a σ² that fits")
        .slip("that is the weight beside a mean", weight)
        .slip("−log p is the sum of squares over 2σ²; that is for σ² = ½", weight * pixels)
        .slip("that is for σ² = 1", weight * pixels / 2.0)
        .slip("−log p has 2σ² in the denominator", weight * pixels / variance)
        .slip("a σ² that is smaller makes errors dearer, and β larger", weight * pixels * 2.0 * variance)
        .within(0.005)
        .check(answer, weight * pixels / (2.0 * variance));
}

/// 3 · The least KL from N(0, 1) that a mean and a variance allow.
pub fn least_kl(answer: impl Fn(f64, f64) -> f64) {
    let cases = [(0.0, 1.0), (1.0, 1.0), (0.0, 4.0), (-1.5, 0.25)];
    let with = |f: &dyn Fn(f64, f64) -> f64| cases.map(|(m, v)| f(m, v));
    let kl = |m: f64, v: f64| 0.5 * (v + m * m - 1.0 - v.ln());
    Exercise::new("least marginal KL")
        .slip("v is the variance, not its root", with(&|m, v| kl(m, v * v)))
        .slip("the mean is to be squared", with(&|m, v| kl(0.0, v) + 0.5 * m))
        .slip("the −1 is missing: N(0, 1) is 0 away from itself", with(&|m, v| kl(m, v) + 0.5))
        .slip("that is the formula with the wrong signs, of patient 4", with(&|m, v| 0.5 * (1.0 + v - m * m - v.ln())))
        .check(with(&answer), with(&kl));
}

/// 4 · −ELBO in bits per pixel: of the errors (B, P) and the KL (B, D) in nats, a number.
pub fn bits_per_pixel(answer: impl Fn(&Tensor, &Tensor) -> Result<Tensor>) {
    let exercise = Exercise::new("bits per pixel");
    let (pixels, bit) = (784.0, 2f64.ln());
    let draw = |seed: u64, width: usize| Random::new(seed).uniform((32, width), &Device::Cpu);
    match (draw(1, 784), draw(2, 16)) {
        (Ok(error), Ok(kl)) => {
            let nats = || mean_all(sum(&error, 1) + sum(&kl, 1));
            let mixed = mean_all(&error) + mean(sum(&kl, 1), 0);
            exercise
                .slip("those are bits per image", (nats() / bit).tensor())
                .slip("those are nats per pixel", (nats() / pixels).tensor())
                .slip("the KL has to be divided by the number of pixels, too: that is β = 784", (mixed / bit).tensor())
                .slip(
                    "two means over different numbers: that is β = 49",
                    ((mean_all(&error) + mean_all(&kl)) / bit).tensor(),
                )
                .slip("a nat is more than a bit", (nats() * bit / pixels).tensor())
                .slip(
                    "that is summed over the batch",
                    (formula(sum(&error, 1) + sum(&kl, 1)) / (pixels * bit)).sum_all(),
                )
                .check(answer(&error, &kl), (nats() / (pixels * bit)).tensor());
        }
        (Err(error), _) | (_, Err(error)) => exercise.check(Err::<f64, _>(error), 0.0),
    }
}
