//! Principal components: the best linear autoencoder, as a baseline.
//!
//! ```text
//! C = 1/N Σ (x − m)(x − m)ᵀ,  U the D eigenvectors of C with the largest eigenvalues        x̂ = m + U Uᵀ (x − m)
//! ```
//! No linear map through D numbers has a smaller mean squared error on the images that it was fitted on (Eckart & Young 1936). It is found
//! by orthogonal iteration (Golub & Van Loan 2013, section 8.2.4): C is applied to D orthonormal vectors, which are made orthonormal
//! again, until the space that they span stays where it is.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::Pca};
//!
//! let line = Tensor::new(&[[0f32, 0.], [1., 2.], [2., 4.], [3., 6.]], &Device::Cpu)?; // all on one line
//! let pca = Pca::fit(&line, 1)?;
//! let off = Tensor::new(&[[2f32, -1.], [1.5, 3.]], &Device::Cpu)?; // across it, and in its middle
//! let errors = pca.errors(&off)?;
//! assert!((errors[0] - 2.5).abs() < 1e-5 && errors[1] < 1e-9); // (2² + 1²) / 2 numbers
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Device, Tensor};

use super::neighbours::pixels;
use crate::{Error, Result, data::Data, random::Random};

/// Iterations at most; with neighbouring eigenvalues that are nearly equal the space still turns, and its error no longer changes.
const MOST_ITERATIONS: usize = 1_000;
/// The space stays where it is when no part of a new vector larger than this is outside.
const STILL: f64 = 1e-5;

/// A mean and the directions in which images differ most.
#[derive(Clone, Debug)]
pub struct Pca {
    /// (1, P), float64.
    mean: Tensor,
    /// Orthonormal columns, (P, D), float64.
    directions: Tensor,
}

impl Pca {
    /// The first `components` principal components of the items of `data`, taken as rows of numbers.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty set and unless `components` is between 1 and the numbers of an item; [`Error::NotFinite`] for
    /// numbers that are none.
    pub fn fit(data: &dyn Data, components: usize) -> Result<Self> {
        let width = data.shape().elem_count();
        if components == 0 || components > width {
            return Err(Error::argument(format!(
                "{components} principal components of {width} numbers: expected between 1 and {width}"
            )));
        }
        let x = pixels(data)?.to_dtype(DType::F64)?;
        let mean = x.mean_keepdim(0)?;
        let x = x.broadcast_sub(&mean)?;
        let covariance = (x.t()?.matmul(&x)? / x.dims()[0] as f64)?;
        let start = Random::new(0).normal((width, components), &Device::Cpu)?.to_dtype(DType::F64)?;
        let mut directions = orthonormal(&start)?;
        for _ in 0..MOST_ITERATIONS {
            let next = orthonormal(&covariance.matmul(&directions)?)?;
            let outside = (&next - directions.matmul(&directions.t()?.matmul(&next)?)?)?;
            directions = next;
            if outside.abs()?.max_all()?.to_scalar::<f64>()? < STILL {
                break;
            }
        }
        Ok(Self { mean, directions })
    }

    /// The items as the components draw them: the same shape, float32, on the CPU.
    ///
    /// # Errors
    /// [`Error::Shape`] for items of another number of numbers; those of [`Pca::fit`] for an empty set.
    pub fn reconstruct(&self, data: &dyn Data) -> Result<Tensor> {
        let (wanted, shape) = (self.mean.elem_count(), data.shape());
        if shape.elem_count() != wanted {
            let expected = format!("of {wanted} numbers, as the items that the components were fitted on");
            return Err(Error::Shape { what: "items to reconstruct", expected, got: shape.dims().to_vec() });
        }
        let x = pixels(data)?.to_dtype(DType::F64)?.broadcast_sub(&self.mean)?;
        let drawn = x.matmul(&self.directions)?.matmul(&self.directions.t()?)?.broadcast_add(&self.mean)?;
        Ok(drawn.to_dtype(DType::F32)?.reshape([&[data.len()], shape.dims()].concat())?)
    }

    /// The mean squared error of each item's reconstruction, in squared pixel values.
    ///
    /// # Errors
    /// As [`Pca::reconstruct`].
    pub fn errors(&self, data: &dyn Data) -> Result<Vec<f64>> {
        let (drawn, x) = (self.reconstruct(data)?.flatten_from(1)?, pixels(data)?);
        Ok((x - drawn)?.to_dtype(DType::F64)?.sqr()?.mean(1)?.to_vec1()?)
    }
}

/// Columns that span the same space, orthonormal: Gram and Schmidt's, twice over, for what the first pass leaves by rounding.
fn orthonormal(columns: &Tensor) -> Result<Tensor> {
    let mut rows: Vec<Vec<f64>> = columns.t()?.to_vec2()?;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for i in 0..rows.len() {
        let (before, rest) = rows.split_at_mut(i);
        let row = &mut rest[0];
        for other in before.iter().chain(before.iter()) {
            let along = dot(other, row);
            row.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
        }
        // What is left of a column that lies in the space of those before it has no direction.
        let length = dot(row, row).sqrt();
        let scale = if length > 1e-100 { 1.0 / length } else { 0.0 };
        row.iter_mut().for_each(|x| *x *= scale);
    }
    let (count, width) = (rows.len(), rows.first().map_or(0, Vec::len));
    Ok(Tensor::from_vec(rows.concat(), (count, width), &Device::Cpu)?.t()?.contiguous()?)
}
