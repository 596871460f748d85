//! On the CPU: e = exp(−|l|) once for each pixel, in one pass over both tensors.
//!
//! ```text
//! log p(x|l) = x·l − max(l, 0) − ln(1 + e)        σ(l) = 1/(1 + e) for l ≥ 0, e/(1 + e) otherwise
//! ```

use candle_core::Tensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::{
    Result,
    ops::{
        kernels::{
            elementary::{exp, log1p, mul_add},
            elementwise::{LANES, Pointwise, apply, apply_each},
            scratch::Scratch,
            slices::with_slices,
        },
        node::Output,
        width,
    },
};

/// log p(x|l): contiguous (B, …) twice → (B,).
pub(super) fn log_prob(logits: &Tensor, x: &Tensor) -> Result<Output> {
    let sums = with_slices([logits, x], |[l, x]| Ok(log_probs(l, x, width(logits))))?;
    Ok(Output::on_cpu(sums, logits.dims()[0]))
}

/// The gradient of the logits, from that of each item's log-probability.
pub(super) fn gradient(logits: &Tensor, x: &Tensor, dy: &Tensor) -> Result<Scratch> {
    with_slices([logits, x, dy], |[l, x, dy]| Ok(logits_gradient(l, x, dy, width(logits))))
}

/// σ(l).
pub(super) fn mean(logits: &Tensor) -> Result<Output> {
    let mean = with_slices([logits], |l| Ok(apply_each(Sigmoid, l).to_vec()))?;
    Ok(Output::on_cpu(mean, logits.shape()))
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
fn log_probs(logits: &[f32], x: &[f32], pixels: usize) -> Vec<f32> {
    let arch = Arch::new();
    let images = logits.par_chunks(pixels).zip(x.par_chunks(pixels)).with_min_len(8);
    images.map(|(logits, x)| arch.dispatch(LogProb { logits, x })).collect()
}

/// The gradient of a pixel's log-probability, times that of its image.
#[derive(Clone, Copy)]
struct LogitsGradient(f32);

impl Pointwise<2> for LogitsGradient {
    #[inline(always)]
    fn of<S: Simd>(self, [l, x]: [f32; 2]) -> f32 {
        self.0 * (x - sigmoid_of::<S>(l))
    }
}

/// The gradient with respect to the logits, from that of each image's log-probability.
fn logits_gradient(logits: &[f32], x: &[f32], gradient: &[f32], pixels: usize) -> Scratch {
    let mut dl = Scratch::new(logits.len());
    let images = dl.par_chunks_mut(pixels).zip(logits.par_chunks(pixels)).zip(x.par_chunks(pixels)).zip(gradient);
    images.with_min_len(8).for_each(|(((dl, logits), x), &gradient)| apply(LogitsGradient(gradient), dl, [logits, x]));
    dl
}

#[derive(Clone, Copy)]
struct Sigmoid;

impl Pointwise<1> for Sigmoid {
    #[inline(always)]
    fn of<S: Simd>(self, [l]: [f32; 1]) -> f32 {
        sigmoid_of::<S>(l)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far out, the log-probability is x·l or −l to the last bit, and the gradient is too small to matter but not subnormal.
    #[test]
    fn far_logits_are_exact() {
        for l in [44.0f32, 50.0, 61.0, 86.9, 100.0, 1e4] {
            let logits = [l, -l, l, -l];
            let x = [1.0, 1.0, 0.0, 0.0];
            let got = [0, 1, 2, 3].map(|i| log_probs(&logits[i..][..1], &x[i..][..1], 1)[0]);
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
