//! Uniform and normal numbers, a function of seed and position.
//!
//! ```text
//! word(seed, p, i) = the i-th word of 32 bits of ChaCha8 (Bernstein 2008) with the key `seed` and the stream number p
//! u = ⌊word / 2⁸⌋ / 2²⁴                     in [0, 1); number n of a draw from position p is word n mod 4096 of p + ⌊n / 4096⌋
//! x₁, x₂ = r cos(2π u₂), r sin(2π u₂)       r = √(−2 ln(1 − u₁)), N(0, 1) (Box & Muller 1958), from the words of both
//! ```
//! Every number has a place of its own, so the bits depend neither on the number of threads nor on how the work was shared out, and
//! a CUDA device makes the CPU's uniform numbers bit for bit, and its normal ones to the last digit or two. candle has no seeded
//! noise on the CPU: the reference is the definition, read number by number in float64. There are no gradients.

mod cpu;
mod cuda;

use candle_core::{Device, Shape, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Path, cuda::has_kernels, path};
use crate::Result;

/// Numbers at one position; part of the definition of the noise, so not a tuning knob.
const BLOCK: usize = 4096;

/// The distribution of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// U[0, 1).
    Uniform,
    /// N(0, 1).
    Normal,
}

/// How many positions so many numbers take.
pub(crate) fn positions(count: usize) -> u64 {
    count.div_ceil(BLOCK) as u64
}

/// The generator of the words at a position.
pub(crate) fn generator(seed: [u8; 32], position: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::from_seed(seed);
    rng.set_stream(position);
    rng
}

/// Fills `values`, on all threads.
pub(crate) fn fill(kind: Kind, seed: [u8; 32], position: u64, values: &mut [f32]) {
    cpu::fill(kind, seed, position, values);
}

/// A float32 tensor of noise, made on its device where that is a CUDA device.
pub(crate) fn noise(kind: Kind, seed: [u8; 32], position: u64, shape: Shape, device: &Device) -> Result<Tensor> {
    if has_kernels(device) && shape.elem_count() > 0 {
        return cuda::noise(kind, seed, position, shape, device);
    }
    let mut values = vec![0.0; shape.elem_count()];
    fill(kind, seed, position, &mut values);
    Ok(Tensor::from_vec(values, shape, device)?)
}

/// A float32 tensor of which the first row is the noise at `position` and each one after it that of `step` positions on; made on
/// the CPU for any device.
pub(crate) fn noise_of_rows(
    kind: Kind,
    seed: [u8; 32],
    position: u64,
    step: u64,
    shape: Shape,
    device: &Device,
) -> Result<Tensor> {
    let mut values = vec![0.0; shape.elem_count()];
    let width = values.len() / shape.dims().first().copied().unwrap_or(1).max(1);
    cpu::fill_rows(kind, seed, position, step, &mut values, width.max(1));
    Ok(Tensor::from_vec(values, shape, device)?)
}

/// Whether noise for this tensor is made on its device, so that the tensor need not leave it.
pub(crate) fn is_made_beside(x: &Tensor) -> bool {
    path([x]) == Path::Cuda
}

/// The definition.
#[cfg(any(test, feature = "cuda"))]
fn reference(kind: Kind, seed: [u8; 32], position: u64, count: usize) -> Vec<f64> {
    use rand::Rng;
    let block = |p| -> Vec<f64> {
        let mut rng = generator(seed, position + p);
        let u: Vec<f64> = (0..BLOCK).map(|_| f64::from(rng.random::<f32>())).collect();
        let polar = |u: &[f64]| {
            let (radius, (sin, cos)) = ((-2.0 * (1.0 - u[0]).ln()).sqrt(), (std::f64::consts::TAU * u[1]).sin_cos());
            [radius * cos, radius * sin]
        };
        if kind == Kind::Uniform { u } else { u.chunks(2).flat_map(polar).collect() }
    };
    let mut values: Vec<f64> = (0..positions(count)).flat_map(block).collect();
    values.truncate(count);
    values
}

/// Ends of pairs, of ChaCha's own blocks and of positions: uniform numbers bit for bit, normal ones to rounding.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    let seed = std::array::from_fn(|i| 7 * i as u8);
    for (kind, tolerance) in [(Kind::Uniform, 0.0), (Kind::Normal, 1e-6)] {
        for count in [1, 2, 15, 16, 17, 511, 513, 4095, 4096, 4097, 10_001, 300_000] {
            let what = format!("{count} numbers, {kind:?}");
            let got = place.compute(|device| noise(kind, seed, 1 << 40, count.into(), device).unwrap());
            place.close(&what, tolerance, &got, &reference(kind, seed, 1 << 40, count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both paths agree with the definition.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(check);
    }

    /// The bits are the same with one thread and with several, and for a slice that ends inside a block.
    #[test]
    fn bits_do_not_depend_on_threads() {
        let draw = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut values = vec![0.0; 3 * BLOCK + 17];
            pool.install(|| fill(Kind::Normal, [7; 32], 0, &mut values));
            values
        };
        let one = draw(1);
        assert!([2, 3, 4].iter().all(|&n| draw(n) == one));
        let mut odd = vec![0.0; 17];
        fill(Kind::Normal, [7; 32], 0, &mut odd);
        assert_eq!(odd[..16], one[..16]);
    }
}
