//! The exercises of notebook 05, Denoising.

use super::Exercise;

/// 1 · The PSNR in dB of a mean squared error, for pixels in [0, 1].
pub fn psnr(answer: impl Fn(f64) -> f64) {
    let errors = [0.1, 0.01, 0.02];
    Exercise::new("PSNR")
        .slip("decibels are ten times the logarithm to the base 10", errors.map(|e: f64| -10.0 * e.ln()))
        .slip("that is bel; a bel is ten decibels", errors.map(|e: f64| -e.log10()))
        .slip(
            "twenty times is for the ratio of values; an error that is squared already takes ten",
            errors.map(|e: f64| -20.0 * e.log10()),
        )
        .check(errors.map(answer), errors.map(|e| -10.0 * e.log10()));
}

/// 2 · The expected squared error of a pixel of value x under salt and pepper of a share, of (x, share).
pub fn salt_and_pepper(answer: impl Fn(f64, f64) -> f64) {
    let (xs, share) = ([0.0, 0.25, 0.5, 1.0], 0.3);
    let both = |x: f64| x * x + (1.0 - x) * (1.0 - x);
    Exercise::new("squared error of salt and pepper")
        .slip(
            "the pixel becomes black in only half of the cases, and white in the other half",
            xs.map(|x| share * x * x),
        )
        .slip("each of the two happens to half of the share", xs.map(|x| share * both(x)))
        .slip("that is the absolute error", xs.map(|_| share / 2.0))
        .check(xs.map(|x| answer(x, share)), xs.map(|x| share / 2.0 * both(x)));
}

/// 3 · The expected squared error of the mean of M draws of the posterior, where the truth is a draw too, of (variance, M).
pub fn mean_of_draws(answer: impl Fn(f64, f64) -> f64) {
    let (variance, counts) = (0.06, [1.0, 2.0, 16.0, 1e6]);
    Exercise::new("error of the mean of M draws")
        .slip(
            "that is how far the mean of the draws is from the posterior's mean; the truth is not there either",
            counts.map(|m| variance / m),
        )
        .slip("that is the error of the posterior's mean, without the noise of the draws", counts.map(|_| variance))
        .check(counts.map(|m| answer(variance, m)), counts.map(|m| variance * (1.0 + 1.0 / m)));
}

/// 4 · The β of a loss that averages the squared error over 784 pixels and adds the KL, for a Gaussian decoder with variance ½.
pub fn hidden_beta(answer: f64) {
    Exercise::new("the hidden β")
        .slip("β multiplies the KL of a loss whose reconstruction is a sum over pixels, in nats", 1.0)
        .slip("that is β's inverse", 1.0 / 784.0)
        .slip("the variance of ½ makes −log p the summed squared error itself, without another factor", 392.0)
        .check(answer, 784.0);
}
