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

/// a · b + c, in one instruction where that is part of the instruction set, as it is wherever vectors are this long on x86.
#[inline(always)]
fn mul_add<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::F32_LANES >= 8 { a.mul_add(b, c) } else { a * b + c }
}

/// exp(x) for x ≤ 0, to 2 units in the last place; below −87, where float32 ends, exp(−87).
///
/// x = n·ln 2 + r with |r| ≤ ½ ln 2; the Taylor series of eʳ to r⁷ leaves 4·10⁻⁹. Adding 1.5·2²³ rounds to whole numbers and
/// leaves n in the last bits, from where it moves into the exponent.
#[inline(always)]
fn exp<S: Simd>(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has few enough bits for n·LN2_HIGH to be exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let shifted = mul_add::<S>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = mul_add::<S>(-n, LN2_LOW, mul_add::<S>(-n, LN2_HIGH, x));
    let series = mul_add::<S>(r, 1.0 / 5040.0, 1.0 / 720.0);
    let series = mul_add::<S>(r, mul_add::<S>(r, series, 1.0 / 120.0), 1.0 / 24.0);
    let series = mul_add::<S>(r, mul_add::<S>(r, series, 1.0 / 6.0), 0.5);
    let series = mul_add::<S>(r, mul_add::<S>(r, series, 1.0), 1.0);
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()))
}

/// ln(1 + e) for e in 0..=1, to 3 units in the last place.
///
/// ln(1 + e) = 2 artanh(s) with s = e/(2 + e) ≤ ⅓; the series to s¹⁵ leaves 2·10⁻⁹ of the value.
#[inline(always)]
fn log1p<S: Simd>(e: f32) -> f32 {
    let s = e / (2.0 + e);
    // Not below what float32 can square: a processor takes many times as long for numbers that small.
    let q = s.max(1e-18) * s.max(1e-18);
    let series = mul_add::<S>(q, mul_add::<S>(q, 1.0 / 15.0, 1.0 / 13.0), 1.0 / 11.0);
    let series = mul_add::<S>(q, mul_add::<S>(q, series, 1.0 / 9.0), 1.0 / 7.0);
    let series = mul_add::<S>(q, mul_add::<S>(q, series, 1.0 / 5.0), 1.0 / 3.0);
    2.0 * s * mul_add::<S>(q, series, 1.0)
}

/// e = exp(−|l|), and 10⁻²⁶ where it is less: far below the rounding of whatever it is added to, and still a number of full
/// precision after it was multiplied by the gradients and weights on its way back.
#[inline(always)]
fn tail<S: Simd>(l: f32) -> f32 {
    exp::<S>(-l.abs().min(60.0))
}

#[inline(always)]
fn log_prob_of<S: Simd>(x: f32, l: f32) -> f32 {
    mul_add::<S>(x, l, -l.max(0.0)) - log1p::<S>(tail::<S>(l))
}

#[inline(always)]
fn sigmoid_of<S: Simd>(l: f32) -> f32 {
    let e = tail::<S>(l);
    (if l >= 0.0 { 1.0 } else { e }) / (1.0 + e)
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
                sums[i] += log_prob_of::<S>(x[i], l[i]);
            }
        }
        let end: f32 = logits_end.iter().zip(x_end).map(|(&l, &x)| log_prob_of::<S>(x, l)).sum();
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
            *dl = self.gradient * (x - sigmoid_of::<S>(l));
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
            *y = sigmoid_of::<S>(l);
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

    fn worst_errors<S: Simd>() -> [f64; 2] {
        let mut worst = [0f64; 2];
        for i in 0..=1_000_000 {
            let x = -87.0 * i as f32 / 1_000_000.0;
            let e = exp::<S>(x);
            worst[0] = worst[0].max((e as f64 / (x as f64).exp() - 1.0).abs());
            worst[1] = worst[1].max((log1p::<S>(e) as f64 / (e as f64).ln_1p() - 1.0).abs());
        }
        assert_eq!((exp::<S>(0.0), log1p::<S>(0.0)), (1.0, 0.0));
        assert!(exp::<S>(-1e30) > 0.0 && exp::<S>(-1e30) < 1e-37);
        worst.map(|worst| worst / f32::EPSILON as f64)
    }

    /// exp and log1p keep their promised errors over their whole ranges, with and without instructions that multiply and add.
    #[test]
    fn elementary_functions_are_accurate() {
        let plain = worst_errors::<pulp::Scalar>();
        assert!(plain[0] < 2.0 && plain[1] < 3.0, "{plain:?} units");
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            let fused = worst_errors::<pulp::x86::V3>();
            assert!(fused[0] < 2.0 && fused[1] < 3.0, "{fused:?} units");
        }
    }

    /// Far out, the log-probability is x·l or −l to the last bit, and the gradient is too small to matter but not subnormal.
    #[test]
    fn far_logits_are_exact() {
        for l in [44.0f32, 50.0, 61.0, 86.9, 100.0, 1e4] {
            let logits = [l, -l, l, -l];
            let x = [1.0, 1.0, 0.0, 0.0];
            let got = [0, 1, 2, 3].map(|i| log_prob(&logits[i..][..1], &x[i..][..1], 1)[0]);
            assert!(got[1] == -l && got[2] == -l && got[0].abs() < 1e-18 && got[3].abs() < 1e-18, "{l}: {got:?}");
            let gradient = logits_gradient(&logits, &x, &[1e-2; 4], 1);
            assert!(gradient[1] == 1e-2 && gradient[2] == -1e-2, "{l}: {:?}", &gradient[..]);
            assert!(
                [0, 3].iter().all(|&i| gradient[i].abs() < 1e-18 && !gradient[i].is_subnormal()),
                "{:?}",
                &gradient[..]
            );
        }
    }
}
