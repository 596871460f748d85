//! On the CPU: images by all threads.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Numbers that one task makes at least.
const CHUNK: usize = 1 << 13;

/// b / 255 for the bytes b of images of so many pixels, one after the other.
pub(super) fn intensities(images: &[&[u8]], pixels: usize) -> Vec<f32> {
    let arch = Arch::new();
    let mut y = vec![0.0; images.len() * pixels];
    let pairs = y.par_chunks_mut(pixels).zip(images).with_min_len(CHUNK.div_ceil(pixels));
    pairs.for_each(|(y, bytes)| arch.dispatch(Intensities { y, bytes }));
    y
}

struct Intensities<'a> {
    y: &'a mut [f32],
    bytes: &'a [u8],
}

impl WithSimd for Intensities<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, &byte) in self.y.iter_mut().zip(self.bytes) {
            *y = f32::from(byte) / 255.0;
        }
    }
}
