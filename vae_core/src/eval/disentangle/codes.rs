//! Codes with the factors of the items that they are codes of: what most of the scores are computed from.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::disentangle::{BINS, Codes}};
//!
//! let mu = Tensor::new(&[[0f32, 7.], [0., 9.], [1., 7.], [1., 9.]], &Device::Cpu)?; // (N, D)
//! let codes = Codes::new(&mu, &[("x", vec![0, 0, 1, 1]), ("y", vec![0, 1, 0, 1])])?;
//! assert_eq!(codes.mig(BINS)?.mean(), 1.0);
//! let turned = mu.matmul(&Tensor::new(&[[1f32, 1.], [1., -1.]], &Device::Cpu)?)?;
//! assert!(codes.with(&turned)?.mig(BINS)?.mean() < 1.0);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Device, Tensor};

use super::{countable, known, none_left};
use crate::{
    Error, Result,
    data::{Factored, Part},
    eval::neighbours,
    models::Vae,
    random::Random,
};

/// The codes of N items, D dimensions each, and the values of the factors of these items.
#[derive(Clone, Debug)]
pub struct Codes {
    /// D columns of N numbers.
    pub(super) dimensions: Vec<Vec<f64>>,
    /// Those that take two values or more.
    pub(super) factors: Vec<Factor>,
}

/// What one factor is in each of the N items.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    pub(super) name: String,
    /// As they are counted in the data: a factor is taken as ordered where a score asks for an order.
    pub(super) values: Vec<f64>,
    /// The same values, numbered without gaps, and how many there are.
    pub(super) ranks: Vec<usize>,
    pub(super) count: usize,
}

impl Factor {
    fn new(name: &str, values: &[usize]) -> Self {
        let mut known = values.to_vec();
        known.sort_unstable();
        known.dedup();
        // Every value is among the known ones.
        let ranks = values.iter().map(|value| known.binary_search(value).unwrap_or_default()).collect();
        let values = values.iter().map(|&value| value as f64).collect();
        Self { name: name.into(), values, ranks, count: known.len() }
    }
}

impl Codes {
    /// Codes `mu`, (N, D), with the N values of each factor. A factor that has the same value in all items is left out.
    ///
    /// # Errors
    /// [`Error::Shape`] unless `mu` is a matrix of two rows or more and one column or more, [`Error::Argument`] when a factor has not
    /// a value for each row or no factor varies, [`Error::NotFinite`] for a code that is NaN or infinite.
    pub fn new(mu: &Tensor, factors: &[(&str, Vec<usize>)]) -> Result<Self> {
        let dimensions = columns(mu)?;
        let items = dimensions[0].len();
        if let Some((name, values)) = factors.iter().find(|(_, values)| values.len() != items) {
            let got = values.len();
            return Err(Error::argument(format!("{got} values of {name} for {items} codes: expected one for each")));
        }
        let all = factors.iter().map(|(name, values)| Factor::new(name, values));
        let vary: Vec<Factor> = all.filter(|factor| factor.count > 1).collect();
        if vary.is_empty() {
            return Err(none_left(&factors.iter().map(|&(name, _)| name).collect::<Vec<_>>()));
        }
        Ok(Self { dimensions, factors: vary })
    }

    /// Other codes `mu`, (N, D), of the same items.
    ///
    /// # Errors
    /// As [`Codes::new`].
    pub fn with(&self, mu: &Tensor) -> Result<Self> {
        let dimensions = columns(mu)?;
        let (got, items) = (dimensions[0].len(), self.len());
        if got != items {
            return Err(Error::argument(format!("{got} codes of {items} items: expected one for each")));
        }
        Ok(Self { dimensions, factors: self.factors.clone() })
    }

    /// The same codes without the factors of these names.
    ///
    /// # Errors
    /// [`Error::Argument`] for a name that no factor has, and when none is left.
    pub fn without(&self, names: &[&str]) -> Result<Self> {
        let all = self.factors();
        known(names, &all)?;
        let kept = self.factors.iter().filter(|factor| !names.contains(&factor.name.as_str()));
        let factors: Vec<Factor> = kept.cloned().collect();
        if factors.is_empty() {
            return Err(none_left(&all));
        }
        Ok(Self { dimensions: self.dimensions.clone(), factors })
    }

    /// N, how many items there are.
    pub fn len(&self) -> usize {
        self.dimensions[0].len()
    }

    /// Never: there are two or more.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The codes, (N, D), float64.
    pub fn mu(&self) -> Result<Tensor> {
        let (d, n) = (self.dimensions.len(), self.len());
        Ok(Tensor::from_vec(self.dimensions.concat(), (d, n), &Device::Cpu)?.t()?.contiguous()?)
    }

    /// The names of the factors that vary.
    pub fn factors(&self) -> Vec<&str> {
        self.factors.iter().map(|factor| factor.name.as_str()).collect()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.factors.iter().map(|factor| factor.name.clone()).collect()
    }
}

/// The posterior means of `n` items, drawn uniformly with replacement; 10,000 in Locatello et al. 2019.
///
/// # Errors
/// As [`Codes::new`] and [`eval::codes`](crate::eval::codes).
pub fn codes(vae: &dyn Vae, data: &dyn Factored, n: usize, random: &mut Random) -> Result<Codes> {
    if n < 2 {
        return Err(Error::argument(format!("disentanglement from the codes of {n} items: expected 2 or more")));
    }
    let n = countable("the codes", Some(n))?;
    let items = some(data)?.sample(n, None, random)?;
    let values: Vec<Vec<usize>> = items.iter().map(|&item| data.factors(item)).collect();
    let factor = |(k, &(name, _))| (name, values.iter().map(|item: &Vec<usize>| item[k]).collect());
    let factors: Vec<(&str, Vec<usize>)> = data.sizes().iter().enumerate().map(factor).collect();
    Codes::new(&means(vae, data, items)?, &factors)
}

/// Refuses data without an item, of which nothing can be drawn.
pub(super) fn some(data: &dyn Factored) -> Result<&dyn Factored> {
    if data.is_empty() || data.sizes().iter().any(|&(_, size)| size == 0) {
        return Err(Error::argument("there are no items to measure disentanglement on"));
    }
    Ok(data)
}

/// The posterior means of these items, in order: (N, D), float32.
pub(super) fn means(vae: &dyn Vae, data: &dyn Factored, items: Vec<usize>) -> Result<Tensor> {
    neighbours::codes(vae, &Part { data, indices: items })
}

/// The columns of (N, D), N ≥ 2 and D ≥ 1, in float64.
fn columns(mu: &Tensor) -> Result<Vec<Vec<f64>>> {
    let wanted = |&(n, d): &(usize, usize)| n >= 2 && d >= 1;
    if mu.dims2().ok().filter(wanted).is_none() {
        let expected = "(items, latent), of 2 items and 1 dimension or more".into();
        return Err(Error::Shape { what: "codes", expected, got: mu.dims().to_vec() });
    }
    let columns: Vec<Vec<f64>> = mu.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.t()?.to_vec2()?;
    for (j, column) in columns.iter().enumerate() {
        if let Some(i) = column.iter().position(|z| !z.is_finite()) {
            let z = column[i];
            return Err(Error::NotFinite(format!("dimension {j} of code {i} is {z}; is the model trained?")));
        }
    }
    Ok(columns)
}
