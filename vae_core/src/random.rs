//! Seeded noise: one generator, explicit, passed in.
//!
//! candle's CPU generator cannot be seeded, so every random number of this crate comes from [`Random`]: ChaCha8 (Bernstein
//! 2008), a counter-based generator. A generator is a *seed* and a *stream*; [`Random::stream`] derives independent
//! children by number, so that "the noise of epoch 7, step 12" is a place that can be gone to directly. That is what makes
//! a resumed training run equal an uninterrupted one bit for bit.
//!
//! Tensors are filled in blocks of a fixed size, each with its own position of the counter, so the bits depend neither on
//! the number of threads nor on how the work was shared out.
//!
//! # What repeats, and what does not
//!
//! | the same seed gives | on |
//! |---|---|
//! | the same bits: noise, weights, losses, samples, scores | one machine's CPU, from run to run, with any number of threads (`RAYON_NUM_THREADS`), in a notebook and in a release build, and when a run is stopped and resumed |
//! | the same uniform numbers, permutations, batches, splits and streams, bit for bit | every machine |
//! | the same normal numbers, to the last digit or two | every machine: ln, sin and cos are the system's |
//! | the same result of one operation, to rounding | CPUs with other instructions (AVX-512, AVX2, NEON; docs/performance.md says why), other devices, a build without `avx512` or with `accelerate` or `mkl` |
//!
//! Training magnifies rounding: in the last row, weights drift apart step by step, and after some epochs two runs agree in
//! what they have learned (an ELBO to a fraction of a nat), not in their digits. CUDA and Metal need not even repeat
//! themselves, since their sums may have no fixed order; nor need another release of this crate, of candle or of the
//! compiler repeat this one. To keep a result, keep the weights.
//!
//! What the clock says never repeats: times and images per second in a history and in the header of a checkpoint. Every other
//! byte of a checkpoint does. `tests/repetition` shows the first row, and `tests/test_repetition.py` its part on notebooks.
//!
//! ```
//! use vae_core::{candle::Device, random::Random};
//!
//! let mut a = Random::new(42);
//! let mut b = Random::new(42);
//! let x = a.normal((2, 3), &Device::Cpu)?.to_vec2::<f32>()?;
//! assert_eq!(x, b.normal((2, 3), &Device::Cpu)?.to_vec2::<f32>()?); // the same seed, the same bits
//! assert_ne!(x, b.normal((2, 3), &Device::Cpu)?.to_vec2::<f32>()?); // a generator moves on
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{Device, Shape, Tensor};
use rand::{Rng, RngCore};

use crate::{
    Result,
    ops::noise::{Kind, fill, generator, noise, noise_of_rows, positions},
};

/// Places from one row to the next where rows are drawn [apart](Random::apart).
const PLACES: u64 = 1 << 31;

/// A seeded generator of uniform and normal numbers.
#[derive(Clone, Debug)]
pub struct Random {
    seed: [u8; 32],
    /// How many blocks and scalars have been drawn from this stream.
    drawn: u64,
    rows: Rows,
}

/// How the rows of a tensor are drawn.
#[derive(Clone, Copy, Debug)]
enum Rows {
    /// One after the other.
    Together,
    /// All as one draw.
    Alike,
    /// Each from places of its own, the first one that of this number.
    Apart(u64),
}

impl Random {
    /// The generator of `seed`.
    pub fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self { seed: bytes, drawn: 0, rows: Rows::Together }
    }

    /// The child number `index`: the same for the same parent and index, wherever the parent stands, and independent of
    /// its siblings.
    pub fn stream(&self, index: u64) -> Self {
        // Children take the upper half of the 64-bit positions, values the lower half.
        let mut parent = generator(self.seed, 1 << 63 | index);
        let mut seed = [0; 32];
        parent.fill_bytes(&mut seed);
        Self { seed, drawn: 0, rows: Rows::Together }
    }

    /// The next `count` positions of the generator: the first of them.
    fn advance(&mut self, count: u64) -> u64 {
        let first = self.drawn;
        self.drawn += count;
        first
    }

    /// Fills `values` with draws from U[0, 1).
    pub fn fill_uniform(&mut self, values: &mut [f32]) {
        fill(Kind::Uniform, self.seed, self.advance(positions(values.len())), values);
    }

    /// Fills `values` with draws from N(0, 1), by the Box–Muller transform (Box & Muller 1958).
    pub fn fill_normal(&mut self, values: &mut [f32]) {
        fill(Kind::Normal, self.seed, self.advance(positions(values.len())), values);
    }

    /// A generator of the same numbers of which all rows of a tensor are one draw: what comes of an item then does not depend on
    /// the items beside it.
    ///
    /// ```
    /// use vae_core::{candle::Device, random::Random};
    ///
    /// let rows = Random::new(1).alike().normal((3, 2), &Device::Cpu)?.to_vec2::<f32>()?;
    /// assert!(rows[0] == rows[1] && rows[1] == rows[2] && rows[0][0] != rows[0][1]);
    /// # Ok::<(), vae_core::Error>(())
    /// ```
    #[must_use]
    pub fn alike(self) -> Self {
        Self { rows: Rows::Alike, ..self }
    }

    /// A generator of which each row of a tensor has draws of its own, that depend on its number alone, `first` for the first row:
    /// what comes of an item then depends neither on the items beside it nor on how all are batched, and items are independent.
    ///
    /// ```
    /// use vae_core::{candle::Device, random::Random};
    ///
    /// let rows = Random::new(1).apart(0).normal((3, 2), &Device::Cpu)?.to_vec2::<f32>()?;
    /// let last = Random::new(1).apart(2).normal((1, 2), &Device::Cpu)?.to_vec2::<f32>()?;
    /// assert!(rows[0] != rows[1] && rows[1] != rows[2] && rows[2] == last[0]);
    /// # Ok::<(), vae_core::Error>(())
    /// ```
    #[must_use]
    pub fn apart(self, first: usize) -> Self {
        Self { rows: Rows::Apart(first as u64), ..self }
    }

    /// A float32 tensor of draws from U[0, 1).
    pub fn uniform(&mut self, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        self.tensor(Kind::Uniform, shape.into(), device)
    }

    /// A float32 tensor of draws from N(0, 1).
    pub fn normal(&mut self, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        self.tensor(Kind::Normal, shape.into(), device)
    }

    fn tensor(&mut self, kind: Kind, shape: Shape, device: &Device) -> Result<Tensor> {
        let row = || Shape::from(shape.dims().get(1..).unwrap_or_default());
        match self.rows {
            Rows::Together => noise(kind, self.seed, self.advance(positions(shape.elem_count())), shape, device),
            Rows::Alike => {
                let row = row();
                let one = noise(kind, self.seed, self.advance(positions(row.elem_count())), row, device)?;
                Ok(one.broadcast_as(shape)?.contiguous()?)
            }
            Rows::Apart(first) => {
                let position = self.advance(positions(row().elem_count()));
                noise_of_rows(kind, self.seed, first * PLACES + position, PLACES, shape, device)
            }
        }
    }

    /// An integer drawn uniformly from `0..n`; 0 when `n` is 0 or 1.
    pub fn below(&mut self, n: usize) -> usize {
        let mut rng = generator(self.seed, self.advance(1));
        if n < 2 { 0 } else { rng.random_range(0..n as u64) as usize }
    }

    /// The numbers `0..n` in random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut rng = generator(self.seed, self.advance(1));
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, rng.random_range(0..=i as u64) as usize);
        }
        order
    }

    /// A generator with the interface of the `rand` crate, for code that draws one number at a time.
    pub fn rng(&mut self) -> impl Rng + use<> {
        generator(self.seed, self.advance(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| x as f64).sum::<f64>() / n;
        (mean, values.iter().map(|&x| (x as f64 - mean).powi(2)).sum::<f64>() / n)
    }

    /// The first two moments of a million draws are those of N(0, 1) and U[0, 1), within five standard errors.
    #[test]
    fn moments_are_right() {
        let mut random = Random::new(1);
        let mut values = vec![0.0; 1_000_000];
        random.fill_normal(&mut values);
        let (mean, variance) = moments(&values);
        assert!(mean.abs() < 5e-3 && (variance - 1.0).abs() < 7.1e-3, "{mean} {variance}");
        random.fill_uniform(&mut values);
        let (mean, variance) = moments(&values);
        assert!((mean - 0.5).abs() < 1.5e-3 && (variance - 1.0 / 12.0).abs() < 4e-4, "{mean} {variance}");
        assert!(values.iter().all(|x| (0.0..1.0).contains(x)));
    }

    /// Children differ from each other, from their parent, and do not depend on where the parent stands.
    #[test]
    fn streams_are_places() {
        let mut parent = Random::new(3);
        let early = parent.stream(5).normal(8, &Device::Cpu).unwrap().to_vec1::<f32>().unwrap();
        let own = parent.normal(8, &Device::Cpu).unwrap().to_vec1::<f32>().unwrap();
        let late = parent.stream(5).normal(8, &Device::Cpu).unwrap().to_vec1::<f32>().unwrap();
        let sibling = parent.stream(6).normal(8, &Device::Cpu).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(early, late);
        assert!(early != own && early != sibling);
    }

    /// A permutation holds every number once, and its first place is uniform (χ² within five standard deviations).
    #[test]
    fn permutations_are_fair() {
        let mut random = Random::new(9);
        let mut counts = [0.0; 8];
        for _ in 0..8000 {
            let order = random.permutation(8);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..8).collect::<Vec<_>>());
            counts[order[0]] += 1.0;
        }
        let chi2: f64 = counts.iter().map(|c: &f64| (c - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi2 < 7.0 + 5.0 * 14f64.sqrt(), "{chi2}");
        assert!(random.permutation(0).is_empty() && random.below(0) == 0);
    }
}
