//! The fully connected layer, y = x Wᵀ + b, and its gradients.
//!
//! ```text
//! yᵀ  = W xᵀ        (out, B) = (out, in) · (in, B)     rows of W times panels of xᵀ
//! dxᵀ = Wᵀ dyᵀ      (in, B)  = Σ over rows of W
//! dW  = dyᵀ x       (out, in) = Σ over images
//! ```
//! The products are made with the batch last, so that the weight, by far the largest matrix, is read where it lies; what is
//! turned round is the batch.

use rayon::prelude::*;

use super::tile::{Finish, Panels, Run, rows_by_panel, rows_by_rows};

/// Rows of an output that one task makes; fixed, so that the work is cut alike for any number of threads.
const ROWS: usize = 48;

/// Sides of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Linear {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// The transposes of the (rows, columns) matrices of a batch.
pub(crate) fn transpose_each(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    y.par_chunks_mut(rows * columns).zip(x.par_chunks(rows * columns)).for_each(|(y, x)| {
        for first in (0..columns).step_by(SIDE) {
            transpose_band(x, rows, columns, first, &mut y[first * rows..rows * columns.min(first + SIDE)]);
        }
    });
    y
}

/// The transpose of a (rows, columns) matrix.
fn transpose(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut y = vec![0.0; rows * columns];
    y.par_chunks_mut(rows.max(1) * SIDE)
        .enumerate()
        .for_each(|(band, y)| transpose_band(x, rows, columns, band * SIDE, y));
    y
}

/// A square of this side fits the first-level cache twice.
const SIDE: usize = 32;

/// The columns from `first` on as rows of `y`, as many as fit.
fn transpose_band(x: &[f32], rows: usize, columns: usize, first: usize, y: &mut [f32]) {
    for start in (0..rows).step_by(SIDE) {
        let end = rows.min(start + SIDE);
        for (j, y) in y.chunks_exact_mut(rows).enumerate() {
            for (y, x) in y[start..end].iter_mut().zip(x[start * columns..].chunks(columns)) {
                *y = x[first + j];
            }
        }
    }
}

impl Linear {
    /// y, (B, out).
    pub(crate) fn forward(self, x: &[f32], weight: &[f32], bias: &[f32], leak: Option<f32>, batch: usize) -> Vec<f32> {
        let Self { inputs, outputs } = self;
        let panels = Panels::pack(inputs, batch, |k, first, row| {
            for (j, value) in row.iter_mut().enumerate() {
                *value = x[(first + j) * inputs + k];
            }
        });
        let runs = [Run { offset: 0, len: inputs }];
        let mut y = vec![0.0; outputs * batch];
        y.par_chunks_mut(ROWS * batch).zip(weight.par_chunks(ROWS * inputs)).zip(bias.par_chunks(ROWS)).for_each(
            |((y, weight), bias)| {
                let rows: Vec<usize> = (0..bias.len()).map(|o| o * inputs).collect();
                let outs: Vec<usize> = (0..bias.len()).map(|o| o * batch).collect();
                rows_by_panel(weight, &rows, &runs, &panels, Finish::default(), &outs, y);
                for (y, &bias) in y.chunks_exact_mut(batch).zip(bias) {
                    for y in y {
                        *y += bias;
                        if let Some(leak) = leak {
                            *y = y.max(*y * leak);
                        }
                    }
                }
            },
        );
        transpose(&y, outputs, batch)
    }

    /// The gradient with respect to x, (B, in), from that of y, (B, out).
    pub(crate) fn input_gradient(self, dy: &[f32], weight: &[f32], batch: usize) -> Vec<f32> {
        let Self { inputs, outputs } = self;
        let dy = transpose(dy, batch, outputs);
        let rows: Vec<usize> = (0..outputs).map(|o| o * inputs).collect();
        let ds: Vec<usize> = (0..outputs).map(|o| o * batch).collect();
        let mut dx = vec![0.0; inputs * batch];
        dx.par_chunks_mut(ROWS * batch).enumerate().for_each(|(block, dx)| {
            let runs = [Run { offset: block * ROWS, len: dx.len() / batch }];
            rows_by_rows(weight, &rows, &runs, &dy, &ds, batch, dx);
        });
        transpose(&dx, inputs, batch)
    }

    /// The gradient with respect to the weight, (out, in).
    pub(crate) fn weight_gradient(self, x: &[f32], dy: &[f32], batch: usize) -> Vec<f32> {
        let Self { inputs, outputs } = self;
        let rows: Vec<usize> = (0..batch).map(|b| b * outputs).collect();
        let ds: Vec<usize> = (0..batch).map(|b| b * inputs).collect();
        let mut dw = vec![0.0; outputs * inputs];
        dw.par_chunks_mut(ROWS * inputs).enumerate().for_each(|(block, dw)| {
            let runs = [Run { offset: block * ROWS, len: dw.len() / inputs }];
            rows_by_rows(dy, &rows, &runs, x, &ds, inputs, dw);
        });
        dw
    }
}
