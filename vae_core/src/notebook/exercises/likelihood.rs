//! The exercises of notebook 09, Likelihood.

use super::Exercise;

/// Log-weights of four draws, once as they are and once as far out as those of images.
const LOG_WEIGHTS: [[f64; 4]; 2] = [[0.0, -1.0, -3.0, -10.0], [-1000.0, -1001.0, -1003.0, -1010.0]];

/// Σ exp(x − the largest).
fn sum(log_w: &[f64; 4]) -> f64 {
    log_w.iter().map(|x| (x - log_w[0]).exp()).sum()
}

/// 1 · The logarithm of the mean weight, of log-weights.
pub fn log_mean(answer: impl Fn(&[f64]) -> f64) {
    Exercise::new("logarithm of the mean weight")
        .slip(
            "that is the mean of the logarithms, the ELBO of these draws",
            LOG_WEIGHTS.map(|w| w.iter().sum::<f64>() / 4.0),
        )
        .slip(
            "that is the logarithm of the sum: the mean divides by the number of draws",
            LOG_WEIGHTS.map(|w| w[0] + sum(&w).ln()),
        )
        .slip("that is the largest of them", LOG_WEIGHTS.map(|w| w[0]))
        .check(LOG_WEIGHTS.map(|w| answer(&w)), LOG_WEIGHTS.map(|w| w[0] + (sum(&w) / 4.0).ln()));
}

/// 2 · The effective sample size of the log-weights −1000, −1001, −1003 and −1010.
pub fn effective_size(answer: f64) {
    let squares: f64 = LOG_WEIGHTS[0].iter().map(|x| (2.0 * x).exp()).sum();
    Exercise::new("effective sample size")
        .slip("that is the number of draws; they do not weigh the same", 4.0)
        .slip("that is its inverse", squares / sum(&LOG_WEIGHTS[0]).powi(2))
        .within(0.01)
        .check(answer, sum(&LOG_WEIGHTS[0]).powi(2) / squares);
}

/// 3 · The rate with the best prior there is: a rate of 25 nats, of which KL(q(z) ‖ p(z)) is 6.
pub fn best_rate(answer: f64) {
    Exercise::new("rate with the best prior, in nats")
        .slip("that is with the prior as it is", 25.0)
        .slip("that is what the best prior saves", 6.0)
        .slip("the distance from the prior is a part of the rate, not an addition to it", 31.0)
        .check(answer, 19.0);
}

/// 4 · L₁₀ where ln w ~ N(−2, 4), so that w has the mean 1. By 400,000 simulated draws of ten it is −0.5295 ± 0.0015.
pub fn bound_of_ten(answer: f64) {
    Exercise::new("bound of ten draws")
        .slip("that is the bound of one draw", -2.0)
        .slip("the gap does not shrink like 1/K where a few large weights decide", -0.2)
        .slip("that is what no number of draws goes beyond", 0.0)
        .within(0.03)
        .check(answer, -0.5295);
}
