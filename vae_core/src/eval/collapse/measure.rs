//! What can be summed up item by item.

use candle_core::{DType, Device, Tensor};

use super::{Collapse, CollapseConfig, Dimension, Noise};
use crate::{
    Result,
    data::Data,
    distributions::{DiagonalGaussian, Distribution, Gaussian},
    eval::anomaly::each_batch,
    models::Vae,
    random::Random,
};

/// A dimension is constant when its mean and its log-variance vary less than this, relative to their size: float32 rounds at 6e-8.
const CONSTANT: f64 = 1e-6;

/// Sums over the items that are finite; those of a dimension are of distances from the first item, which are exactly 0 for a constant.
#[derive(Default)]
struct Sums {
    items: f64,
    kl: f64,
    reconstruction: f64,
    swapped: f64,
    noise: Option<[f64; 2]>,
    dimensions: Vec<DimensionSums>,
}

#[derive(Clone, Default)]
struct DimensionSums {
    first: [f64; 2],
    sum: [f64; 2],
    squares: [f64; 2],
    variance: f64,
    kl: Option<f64>,
    /// Mean and log-variance of the prior of the first item, and whether all others have the same.
    prior: Option<[f64; 2]>,
    shared: bool,
}

/// Everything but the aggregate.
pub(super) fn measure(vae: &dyn Vae, data: &dyn Data, config: &CollapseConfig) -> Result<Collapse> {
    let mut noise = Random::new(config.seed).stream(0);
    let mut sums = Sums::default();
    let (mut log_var, mut not_finite) = ((f64::INFINITY, f64::NEG_INFINITY), 0);
    each_batch(vae, data, |vae, x| {
        let batch = Items::of(vae, x, &mut noise)?;
        for i in 0..batch.mu.len() {
            if batch.finite(i) {
                sums.add(&batch, i);
                log_var = batch.log_var[i].iter().fold(log_var, |(low, high), &v| (low.min(v), high.max(v)));
            } else {
                not_finite += 1;
            }
        }
        Ok(())
    })?;
    let mean = |sum: f64| sum / sums.items;
    Ok(Collapse {
        items: data.len(),
        not_finite,
        reconstruction: mean(sums.reconstruction),
        swapped: mean(sums.swapped),
        kl: mean(sums.kl),
        log_var,
        noise: sums.noise.map(|[variance, error]| Noise { variance: mean(variance), squared_error: mean(error) }),
        dimensions: sums.dimensions.iter().map(|dimension| dimension.of(sums.items)).collect(),
        aggregate: None,
    })
}

/// What is known of the items of a batch, one after the other.
struct Items {
    mu: Vec<Vec<f64>>,
    log_var: Vec<Vec<f64>>,
    /// Means and log-variances of p(z), where it is a Gaussian.
    prior: Option<[Vec<Vec<f64>>; 2]>,
    kl: Vec<f64>,
    reconstruction: Vec<f64>,
    swapped: Vec<f64>,
    /// σ² and squared error, where pixels are Gaussian.
    noise: Option<[Vec<f64>; 2]>,
}

impl Items {
    fn of(vae: &dyn Vae, x: &Tensor, noise: &mut Random) -> Result<Self> {
        let n = x.dims()[0];
        let (q, p) = (vae.encode(x)?, vae.prior(n)?);
        let z = q.sample(noise)?.detach();
        let q: &DiagonalGaussian = q.downcast()?;
        // The last item's code for the first: of a batch of one, its own.
        let others = Tensor::cat(&[z.narrow(0, n - 1, 1)?, z.narrow(0, 0, n - 1)?], 0)?;
        let decoded = vae.decode(&z)?;
        let noise = match decoded.downcast::<Gaussian>() {
            Ok(pixels) => {
                let per_item = |t: &Tensor| numbers(&t.flatten_from(1)?.mean(1)?);
                Some([per_item(&pixels.log_var().exp()?)?, per_item(&(x - pixels.mean()?)?.sqr()?)?])
            }
            Err(_) => None,
        };
        let prior = match p.downcast::<DiagonalGaussian>() {
            Ok(p) => Some([rows(p.mu())?, rows(p.log_var())?]),
            Err(_) => None,
        };
        Ok(Self {
            mu: rows(q.mu())?,
            log_var: rows(q.log_var())?,
            prior,
            kl: numbers(&q.kl(&p, &z)?)?,
            reconstruction: numbers(&decoded.log_prob(x)?)?,
            swapped: numbers(&vae.decode(&others)?.log_prob(x)?)?,
            noise,
        })
    }

    fn finite(&self, i: usize) -> bool {
        let numbers = [self.kl[i], self.reconstruction[i], self.swapped[i]];
        self.mu[i].iter().chain(&self.log_var[i]).chain(&numbers).all(|number| number.is_finite())
    }
}

impl Sums {
    fn add(&mut self, batch: &Items, i: usize) {
        if self.dimensions.is_empty() {
            let first = batch.mu[i].iter().zip(&batch.log_var[i]);
            self.dimensions =
                first.map(|(&m, &v)| DimensionSums { first: [m, v], shared: true, ..Default::default() }).collect();
        }
        self.items += 1.0;
        self.kl += batch.kl[i];
        self.reconstruction += batch.reconstruction[i];
        self.swapped += batch.swapped[i];
        if let Some([variance, error]) = &batch.noise {
            let [a, b] = self.noise.unwrap_or_default();
            self.noise = Some([a + variance[i], b + error[i]]);
        }
        for (j, dimension) in self.dimensions.iter_mut().enumerate() {
            dimension.add([batch.mu[i][j], batch.log_var[i][j]]);
            if let Some([mu, log_var]) = &batch.prior {
                let p = [mu[i][j], log_var[i][j]];
                *dimension.kl.get_or_insert(0.0) += kl([batch.mu[i][j], batch.log_var[i][j]], p);
                dimension.shared &= *dimension.prior.get_or_insert(p) == p;
            }
        }
    }
}

impl DimensionSums {
    fn add(&mut self, numbers: [f64; 2]) {
        for (k, number) in numbers.iter().enumerate() {
            let far = number - self.first[k];
            self.sum[k] += far;
            self.squares[k] += far * far;
        }
        self.variance += numbers[1].exp();
    }

    /// Its means over so many items.
    fn of(&self, items: f64) -> Dimension {
        let mean = |k: usize| self.first[k] + self.sum[k] / items;
        let variance = |k: usize| (self.squares[k] / items - (self.sum[k] / items).powi(2)).max(0.0);
        let whole = variance(0) + self.variance / items;
        Dimension {
            marginal_kl: self.prior.filter(|_| self.shared).map(|p| kl([mean(0), whole.ln()], p)),
            kl: self.kl.map(|kl| kl / items),
            mean: mean(0),
            variance_of_mean: variance(0),
            mean_variance: self.variance / items,
            constant: (0..2).all(|k| variance(k).sqrt() <= CONSTANT * mean(k).abs().max(1e-3)),
            ..Default::default()
        }
    }
}

/// KL between two Gaussians of one dimension, each by mean and log-variance: ½ (σ_q²/σ_p² + (μ_q − μ_p)²/σ_p² − 1 − ln σ_q²/σ_p²).
fn kl([mu, log_var]: [f64; 2], [other_mu, other_log_var]: [f64; 2]) -> f64 {
    let log_ratio = log_var - other_log_var;
    0.5 * (log_ratio.exp() + (mu - other_mu).powi(2) * (-other_log_var).exp() - 1.0 - log_ratio)
}

pub(super) fn rows(t: &Tensor) -> Result<Vec<Vec<f64>>> {
    Ok(t.detach().to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2()?)
}

pub(super) fn numbers(t: &Tensor) -> Result<Vec<f64>> {
    Ok(t.detach().to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1()?)
}
