//! The exercises of notebook 03, MLP VAE.

use candle_core::{Device, Tensor};

use super::Exercise;
use crate::{
    Result,
    data::Dataset,
    distributions::{Bernoulli, Distribution},
    formula::{exp, formula, ln, sqr},
    random::Random,
};

/// 1 · The KL of each posterior from N(0, I): μ and ln σ², (B, D) each → (B,).
pub fn kl(answer: impl Fn(&Tensor, &Tensor) -> Result<Tensor>) {
    let exercise = Exercise::new("KL of each image");
    let draw = |seed: u64| Random::new(seed).normal((5, 3), &Device::Cpu);
    match (draw(1), draw(2)) {
        (Ok(mu), Ok(l)) => {
            let terms = 0.5 * (exp(&l) + sqr(&mu) - 1.0 - &l);
            let wrong = 0.5 * (1.0 + exp(&l) - sqr(&mu) - &l);
            exercise
                .slip("that is the mean over the dimensions; the KL is their sum", terms.clone().mean(1))
                .slip("that is the formula with the wrong signs, of section 8 in notebook 01", wrong.sum(1))
                .slip("the −1 is missing: it makes the KL of N(0, 1) zero", (&terms + 0.5).sum(1))
                .check(answer(&mu, &l), terms.sum(1));
        }
        (Err(error), _) | (_, Err(error)) => exercise.check(Err::<f64, _>(error), 0.0),
    }
}

/// 2 · The β of a loss that averages over 28 × 28 pixels and sums over latent dimensions.
pub fn hidden_beta(answer: f64) {
    Exercise::new("the hidden β")
        .slip("that is its inverse: which of the two terms was made small?", 1.0 / 784.0)
        .slip("that is one side of the image", 28.0)
        .check(answer, 784.0);
}

/// 3 · A point on the arc from one vector to another, of (z₁, z₂, α).
pub fn slerp(answer: impl Fn(&[f64], &[f64], f64) -> Vec<f64>) {
    // On a quarter circle of radius 2, and between (3, 0, 4) and (0, 5, 0), which are at right angles, too.
    let (quarter, third) = (std::f64::consts::FRAC_PI_8, std::f64::consts::FRAC_PI_6);
    let arc = [2.0 * quarter.cos(), 2.0 * quarter.sin(), 3.0 * third.cos(), 5.0 * third.sin(), 4.0 * third.cos()];
    let line = [1.5, 0.5, 2.0, 5.0 / 3.0, 8.0 / 3.0];
    let got = [answer(&[2.0, 0.0], &[0.0, 2.0], 0.25), answer(&[3.0, 0.0, 4.0], &[0.0, 5.0, 0.0], 1.0 / 3.0)].concat();
    Exercise::new("points on the arc").slip("those are on the straight line", line).check(got, arc.to_vec());
}

/// 4 · The ELBO that is left when all posteriors are the prior: that of the mean training image, on the test set.
pub fn collapsed_elbo(answer: f64, data: &Dataset) {
    let elbo = || -> Result<f64> {
        let p = data.train.mean_image()?.flatten_all()?.clamp(1e-6, 1.0 - 1e-6)?;
        let logits = (ln(&p) - ln(1.0 - formula(&p))).tensor()?;
        let x = data.test.tensor()?.flatten_from(1)?;
        let log_p = Bernoulli::new(logits.broadcast_as(x.shape())?.contiguous()?)?.log_prob(&x)?;
        Ok(f64::from(log_p.mean_all()?.to_scalar::<f32>()?))
    };
    Exercise::new("the ELBO of a collapsed VAE")
        .slip(
            "that is a coin for each pixel; a decoder without a code can still learn the mean image",
            -784.0 * 2f64.ln(),
        )
        .slip("no reconstruction is that good: a code is needed", 0.0)
        .within(0.01)
        .check(answer, elbo());
}
