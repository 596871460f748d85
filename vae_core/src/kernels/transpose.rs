//! Rows become columns.

// Loops over all lines of a square, which become straight code.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86")]
use std::arch::x86::__m256;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m256;

use pulp::{Arch, NullaryFnOnce};
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use pulp::{cast, core_arch::x86::Avx, x86::V3};
use rayon::prelude::*;

use super::scratch::Scratch;

/// Squares of this side are turned at once.
const SIDE: usize = 8;

/// Columns that one task turns.
const BAND: usize = 16 * SIDE;

/// y[c · `y_width` + r] = x[r · `x_width` + c] for all rows and columns of a part of x.
///
/// A few rows of x are read from end to end, since a processor foresees that, and each page of memory is met once.
pub(crate) fn transpose_into(x: &[f32], x_width: usize, rows: usize, columns: usize, y: &mut [f32], y_width: usize) {
    let part = Part { x, x_width, rows, columns, y, y_width };
    match Arch::new() {
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), feature = "avx512"))]
        Arch::V4(simd) => simd.vectorize(Turn { part, square: *simd }),
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V3(simd) => simd.vectorize(Turn { part, square: simd }),
        _ => Turn { part, square: Plain }.call(),
    }
}

struct Part<'a> {
    x: &'a [f32],
    x_width: usize,
    rows: usize,
    columns: usize,
    y: &'a mut [f32],
    y_width: usize,
}

/// How one square is turned.
trait Square: Copy {
    fn turn(self, lines: [[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE];
}

#[derive(Clone, Copy)]
struct Plain;

impl Square for Plain {
    #[inline(always)]
    fn turn(self, lines: [[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE] {
        std::array::from_fn(|j| std::array::from_fn(|i| lines[i][j]))
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl Square for V3 {
    /// Numbers, then pairs, then halves of the lines change places.
    #[inline(always)]
    fn turn(self, l: [[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE] {
        let l = [cast(l[0]), cast(l[1]), cast(l[2]), cast(l[3]), cast(l[4]), cast(l[5]), cast(l[6]), cast(l[7])];
        let above = four(self.avx, l[0], l[1], l[2], l[3]);
        let below = four(self.avx, l[4], l[5], l[6], l[7]);
        [
            cast(self.avx._mm256_permute2f128_ps::<0x20>(above[0], below[0])),
            cast(self.avx._mm256_permute2f128_ps::<0x20>(above[1], below[1])),
            cast(self.avx._mm256_permute2f128_ps::<0x20>(above[2], below[2])),
            cast(self.avx._mm256_permute2f128_ps::<0x20>(above[3], below[3])),
            cast(self.avx._mm256_permute2f128_ps::<0x31>(above[0], below[0])),
            cast(self.avx._mm256_permute2f128_ps::<0x31>(above[1], below[1])),
            cast(self.avx._mm256_permute2f128_ps::<0x31>(above[2], below[2])),
            cast(self.avx._mm256_permute2f128_ps::<0x31>(above[3], below[3])),
        ]
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[inline(always)]
fn four(avx: Avx, a: __m256, b: __m256, c: __m256, d: __m256) -> [__m256; 4] {
    let (ab, cd) = (avx._mm256_unpacklo_ps(a, b), avx._mm256_unpacklo_ps(c, d));
    let (ab_high, cd_high) = (avx._mm256_unpackhi_ps(a, b), avx._mm256_unpackhi_ps(c, d));
    [
        avx._mm256_shuffle_ps::<0x44>(ab, cd),
        avx._mm256_shuffle_ps::<0xee>(ab, cd),
        avx._mm256_shuffle_ps::<0x44>(ab_high, cd_high),
        avx._mm256_shuffle_ps::<0xee>(ab_high, cd_high),
    ]
}

struct Turn<'a, S> {
    part: Part<'a>,
    square: S,
}

impl<S: Square> NullaryFnOnce for Turn<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Part { x, x_width, rows, columns, y, y_width } = self.part;
        for r in (0..rows).step_by(SIDE) {
            for c in (0..columns).step_by(SIDE) {
                let (x, y) = (&x[r * x_width + c..], &mut y[c * y_width + r..]);
                if r + SIDE <= rows && c + SIDE <= columns {
                    let mut lines = [[0.0; SIDE]; SIDE];
                    for i in 0..SIDE {
                        lines[i].copy_from_slice(&x[i * x_width..][..SIDE]);
                    }
                    let turned = self.square.turn(lines);
                    for j in 0..SIDE {
                        y[j * y_width..][..SIDE].copy_from_slice(&turned[j]);
                    }
                } else {
                    for i in 0..SIDE.min(rows - r) {
                        for j in 0..SIDE.min(columns - c) {
                            y[j * y_width + i] = x[i * x_width + j];
                        }
                    }
                }
            }
        }
    }
}

/// The transposes of the (rows, columns) matrices of a batch.
pub(crate) fn transpose_each(x: &[f32], rows: usize, columns: usize) -> Scratch {
    let mut y = Scratch::new(x.len());
    y.par_chunks_mut(rows * columns)
        .zip(x.par_chunks(rows * columns))
        .for_each(|(y, x)| transpose_into(x, columns, rows, columns, y, rows));
    y
}

/// The transpose of a (rows, columns) matrix.
pub(crate) fn transpose(x: &[f32], rows: usize, columns: usize) -> Scratch {
    let mut y = Scratch::new(rows * columns);
    y.par_chunks_mut(rows.max(1) * BAND).enumerate().for_each(|(band, y)| {
        transpose_into(&x[band * BAND..], columns, rows, y.len() / rows, y, rows);
    });
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number finds its place, in matrices that are not made of whole squares too.
    #[test]
    fn transposes() {
        for (rows, columns) in [(1, 1), (1, 40), (40, 1), (16, 16), (17, 33), (48, 70), (33, 64), (5, 300)] {
            let x: Vec<f32> = (0..3 * rows * columns).map(|i| i as f32).collect();
            let each = transpose_each(&x, rows, columns);
            for (image, (x, y)) in x.chunks(rows * columns).zip(each.chunks(rows * columns)).enumerate() {
                assert_eq!(&transpose(x, rows, columns)[..], y, "{image}");
                for (i, &value) in x.iter().enumerate() {
                    assert_eq!(y[i % columns * rows + i / columns], value);
                }
            }
        }
    }
}
