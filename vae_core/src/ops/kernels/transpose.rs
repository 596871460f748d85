//! Rows become columns.

// Loops over all lines of a square, which become straight code.
#![allow(clippy::needless_range_loop)]

use pulp::Arch;
#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), feature = "avx512"))]
use pulp::x86::V4;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use pulp::{NullaryFnOnce, cast, x86::V3};
use rayon::prelude::*;

use super::{elementwise::row_sums, scratch::Scratch};

/// Columns that one task turns.
const BAND: usize = 128;

/// y[c · `y_width` + r] = x[r · `x_width` + c] for all rows and columns of a part of x.
///
/// A few rows of x are read from end to end, since a processor foresees that, and each page of memory is met once.
pub(crate) fn transpose_into(x: &[f32], x_width: usize, rows: usize, columns: usize, y: &mut [f32], y_width: usize) {
    let part = Part { x, x_width, rows, columns, y, y_width };
    match Arch::new() {
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), feature = "avx512"))]
        Arch::V4(simd) => simd.vectorize(Wide(part, simd)),
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V3(simd) => simd.vectorize(Narrow(part, simd)),
        _ => part.turn(Plain),
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
trait Square<const SIDE: usize>: Copy {
    fn turn(self, lines: [[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE];
}

#[derive(Clone, Copy)]
struct Plain;

impl Square<8> for Plain {
    #[inline(always)]
    fn turn(self, lines: [[f32; 8]; 8]) -> [[f32; 8]; 8] {
        std::array::from_fn(|j| std::array::from_fn(|i| lines[i][j]))
    }
}

// Macros, since the compiler makes no straight code of closures that use the processor's own instructions.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
macro_rules! turn_fours {
    ($simd:expr, $low:ident, $high:ident, $shuffle:ident, $lines:expr, $first:expr) => {{
        let (a, b) = (cast($lines[$first]), cast($lines[$first + 1]));
        let (c, d) = (cast($lines[$first + 2]), cast($lines[$first + 3]));
        let (ab, cd) = ($simd.$low(a, b), $simd.$low(c, d));
        let (ab_high, cd_high) = ($simd.$high(a, b), $simd.$high(c, d));
        [
            $simd.$shuffle::<0x44>(ab, cd),
            $simd.$shuffle::<0xee>(ab, cd),
            $simd.$shuffle::<0x44>(ab_high, cd_high),
            $simd.$shuffle::<0xee>(ab_high, cd_high),
        ]
    }};
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl Square<8> for V3 {
    /// Numbers, then pairs, then halves of the lines change places.
    #[inline(always)]
    fn turn(self, lines: [[f32; 8]; 8]) -> [[f32; 8]; 8] {
        macro_rules! band {
            ($i:literal) => {
                turn_fours!(self.avx, _mm256_unpacklo_ps, _mm256_unpackhi_ps, _mm256_shuffle_ps, lines, $i)
            };
        }
        let (above, below) = (band!(0), band!(4));
        let mut turned = [[0.0; 8]; 8];
        for j in 0..4 {
            turned[j] = cast(self.avx._mm256_permute2f128_ps::<0x20>(above[j], below[j]));
            turned[4 + j] = cast(self.avx._mm256_permute2f128_ps::<0x31>(above[j], below[j]));
        }
        turned
    }
}

#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), feature = "avx512"))]
impl Square<16> for V4 {
    /// Numbers, then pairs, then quarters of the lines change places, twice. A line of 16 numbers is one of the cache.
    #[inline(always)]
    fn turn(self, lines: [[f32; 16]; 16]) -> [[f32; 16]; 16] {
        let simd = self.avx512f;
        macro_rules! band {
            ($i:literal) => {
                turn_fours!(simd, _mm512_unpacklo_ps, _mm512_unpackhi_ps, _mm512_shuffle_ps, lines, $i)
            };
        }
        // Quarter q of line j of a band holds column 4 q + j of the four lines.
        let (a, b, c, d) = (band!(0), band!(4), band!(8), band!(12));
        let mut turned = [[0.0; 16]; 16];
        for j in 0..4 {
            let (ab, cd) =
                (simd._mm512_shuffle_f32x4::<0x88>(a[j], b[j]), simd._mm512_shuffle_f32x4::<0x88>(c[j], d[j]));
            turned[j] = cast(simd._mm512_shuffle_f32x4::<0x88>(ab, cd));
            turned[8 + j] = cast(simd._mm512_shuffle_f32x4::<0xdd>(ab, cd));
            let (ab, cd) =
                (simd._mm512_shuffle_f32x4::<0xdd>(a[j], b[j]), simd._mm512_shuffle_f32x4::<0xdd>(c[j], d[j]));
            turned[4 + j] = cast(simd._mm512_shuffle_f32x4::<0x88>(ab, cd));
            turned[12 + j] = cast(simd._mm512_shuffle_f32x4::<0xdd>(ab, cd));
        }
        turned
    }
}

impl Part<'_> {
    /// Some of the rows and columns.
    #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), feature = "avx512"))]
    #[inline(always)]
    fn part(&mut self, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> Part<'_> {
        let Self { x_width, y_width, .. } = *self;
        // Where there is nothing, it may begin beyond the end.
        let x = self.x.get(rows.start * x_width + columns.start..).unwrap_or_default();
        let y = self.y.get_mut(columns.start * y_width + rows.start..).unwrap_or_default();
        Part { x, x_width, rows: rows.len(), columns: columns.len(), y, y_width }
    }

    #[inline(always)]
    fn turn<const SIDE: usize>(self, square: impl Square<SIDE>) {
        let Self { x, x_width, rows, columns, y, y_width } = self;
        for r in (0..rows).step_by(SIDE) {
            for c in (0..columns).step_by(SIDE) {
                let (x, y) = (&x[r * x_width + c..], &mut y[c * y_width + r..]);
                if r + SIDE <= rows && c + SIDE <= columns {
                    let mut lines = [[0.0; SIDE]; SIDE];
                    for i in 0..SIDE {
                        lines[i].copy_from_slice(&x[i * x_width..][..SIDE]);
                    }
                    let turned = square.turn(lines);
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

/// Squares of 8 × 8.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
struct Narrow<'a>(Part<'a>, V3);

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl NullaryFnOnce for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.0.turn(self.1);
    }
}

/// Squares of 16 × 16, and of 8 × 8 at the lower and the right edge.
#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), feature = "avx512"))]
struct Wide<'a>(Part<'a>, V4);

#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), feature = "avx512"))]
impl NullaryFnOnce for Wide<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(mut part, simd) = self;
        let (rows, columns) = (part.rows, part.columns);
        let (inner_rows, inner_columns) = (rows - rows % 16, columns - columns % 16);
        part.part(0..inner_rows, 0..inner_columns).turn(simd);
        part.part(0..inner_rows, inner_columns..columns).turn(*simd);
        part.part(inner_rows..rows, 0..columns).turn(*simd);
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

/// The transpose of a (rows, columns) matrix, and the sums of its columns, made while they lie in the cache as rows.
pub(crate) fn transpose_and_sum(x: &[f32], rows: usize, columns: usize) -> (Scratch, Scratch) {
    let (mut y, mut sums) = (Scratch::new(rows * columns), Scratch::new(columns));
    let bands = y.par_chunks_mut(rows.max(1) * BAND).zip(sums.par_chunks_mut(BAND)).enumerate();
    bands.for_each(|(band, (y, sums))| {
        transpose_into(&x[band * BAND..], columns, rows, sums.len(), y, rows);
        row_sums(y, sums);
    });
    (y, sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number finds its place, in matrices that are not made of whole squares too, and columns are summed up.
    #[test]
    fn transposes() {
        for (rows, columns) in [(1, 1), (1, 40), (40, 1), (16, 16), (17, 33), (48, 70), (33, 64), (5, 300)] {
            let x: Vec<f32> = (0..3 * rows * columns).map(|i| i as f32).collect();
            let each = transpose_each(&x, rows, columns);
            for (image, (x, y)) in x.chunks(rows * columns).zip(each.chunks(rows * columns)).enumerate() {
                let (turned, sums) = transpose_and_sum(x, rows, columns);
                assert_eq!(&turned[..], y, "{image}");
                for (sum, y) in sums.iter().zip(y.chunks(rows)) {
                    let exact: f64 = y.iter().map(|&y| f64::from(y)).sum();
                    assert!((f64::from(*sum) - exact).abs() <= 1e-6 * exact, "{sum} {exact}");
                }
                for (i, &value) in x.iter().enumerate() {
                    assert_eq!(y[i % columns * rows + i / columns], value);
                }
            }
        }
    }
}
