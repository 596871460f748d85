//! log-probabilities of Bernoulli pixels and their gradient, with exp and log1p that the compiler turns into vectors.
//!
//! ```text
//! log p(x|l) = x·l − softplus(l)      softplus(l) = max(l, 0) + ln(1 + e),  e = exp(−|l|)
//! d/dl       = x − σ(l)               σ(l) = 1/(1 + e) for l ≥ 0, e/(1 + e) otherwise
//! ```

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::scratch::Scratch;

/// Sums that run side by side, so that the order of additions is fixed and a vector wide.
const LANES: usize = 16;

/// exp(x) for x ≤ 0, to 2 units in the last place; below −87, where float32 ends, exp(−87).
///
/// x = n·ln 2 + r with |r| ≤ ½ ln 2; the Taylor series of eʳ to r⁷ leaves 4·10⁻⁹. Adding 1.5·2²³ rounds to whole numbers and
/// leaves n in the last bits, from where it moves into the exponent.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has few enough bits for n·LN2_HIGH to be exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let series = 1.0 / 720.0 + r * (1.0 / 5040.0);
    let series = 1.0 / 24.0 + r * (1.0 / 120.0 + r * series);
    let series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * series)));
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()))
}

/// ln(1 + e) for e in 0..=1, to 3 units in the last place.
///
/// ln(1 + e) = 2 artanh(s) with s = e/(2 + e) ≤ ⅓; the series to s¹⁵ leaves 2·10⁻⁹ of the value.
#[inline(always)]
fn log1p(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let q = s * s;
    let series = 1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0)));
    let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * series)));
    2.0 * s * series
}

#[inline(always)]
fn log_prob_of(x: f32, l: f32) -> f32 {
    x * l - l.max(0.0) - log1p(exp(-l.abs()))
}

#[inline(always)]
fn sigmoid_of(l: f32) -> f32 {
    let e = exp(-l.abs());
    if l >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// The log-probability of one image.
struct LogProb<'a> {
    logits: &'a [f32],
    x: &'a [f32],
}

// Types of their own and not closures: those are not always compiled for the instruction set that they are called with.
impl WithSimd for LogProb<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let (logits, logits_end) = self.logits.as_chunks::<LANES>();
        let (x, x_end) = self.x.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for (l, x) in logits.iter().zip(x) {
            for i in 0..LANES {
                sums[i] += log_prob_of(x[i], l[i]);
            }
        }
        let end: f32 = logits_end.iter().zip(x_end).map(|(&l, &x)| log_prob_of(x, l)).sum();
        sums.iter().sum::<f32>() + end
    }
}

/// The log-probability of each image, given the numbers of one image.
pub(crate) fn log_prob(logits: &[f32], x: &[f32], pixels: usize) -> Vec<f32> {
    let arch = Arch::new();
    let images = logits.par_chunks(pixels).zip(x.par_chunks(pixels)).with_min_len(8);
    images.map(|(logits, x)| arch.dispatch(LogProb { logits, x })).collect()
}

/// The gradient of one image's log-probability, times `gradient`.
struct LogitsGradient<'a> {
    dl: &'a mut [f32],
    logits: &'a [f32],
    x: &'a [f32],
    gradient: f32,
}

impl WithSimd for LogitsGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((dl, &l), &x) in self.dl.iter_mut().zip(self.logits).zip(self.x) {
            *dl = self.gradient * (x - sigmoid_of(l));
        }
    }
}

/// The gradient with respect to the logits, from that of each image's log-probability.
pub(crate) fn logits_gradient(logits: &[f32], x: &[f32], gradient: &[f32], pixels: usize) -> Scratch {
    let mut dl = Scratch::new(logits.len());
    let arch = Arch::new();
    let images = dl.par_chunks_mut(pixels).zip(logits.par_chunks(pixels)).zip(x.par_chunks(pixels)).zip(gradient);
    images
        .with_min_len(8)
        .for_each(|(((dl, logits), x), &gradient)| arch.dispatch(LogitsGradient { dl, logits, x, gradient }));
    dl
}

/// σ(l) of many numbers.
struct Sigmoid<'a> {
    y: &'a mut [f32],
    logits: &'a [f32],
}

impl WithSimd for Sigmoid<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, &l) in self.y.iter_mut().zip(self.logits) {
            *y = sigmoid_of(l);
        }
    }
}

/// σ(l) of each number.
pub(crate) fn sigmoid(logits: &[f32]) -> Vec<f32> {
    const CHUNK: usize = 1 << 13;
    let mut y = Scratch::new(logits.len());
    let arch = Arch::new();
    let chunks = y.par_chunks_mut(CHUNK).zip(logits.par_chunks(CHUNK));
    chunks.for_each(|(y, logits)| arch.dispatch(Sigmoid { y, logits }));
    y.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// exp and log1p keep their promised errors over their whole ranges.
    #[test]
    fn elementary_functions_are_accurate() {
        let mut worst = [0f64; 2];
        for i in 0..=2_000_000 {
            let x = -87.0 * i as f32 / 2_000_000.0;
            let exact = (x as f64).exp();
            worst[0] = worst[0].max((exp(x) as f64 / exact - 1.0).abs());
            let e = exp(x);
            worst[1] = worst[1].max((log1p(e) as f64 / (e as f64).ln_1p() - 1.0).abs());
        }
        let unit = f32::EPSILON as f64;
        assert!(worst[0] < 2.0 * unit && worst[1] < 3.0 * unit, "{:?} units", worst.map(|w| w / unit));
        assert_eq!((exp(0.0), log1p(0.0)), (1.0, 0.0));
        assert!(exp(-1e30) > 0.0 && exp(-1e30) < 1e-37);
    }
}
