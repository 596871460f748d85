//! The aggregate posterior: what codes tell, and how far they are from the prior.

use std::f64::consts::TAU;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::{
    Aggregate, Collapse, CollapseConfig,
    measure::{numbers, rows},
};
use crate::{
    Result,
    data::{Data, Part},
    distributions::{DiagonalGaussian, Distribution},
    eval::{MeanError, anomaly::each_batch, log_sum::LogSum, mean_error},
    models::Vae,
    random::Random,
};

/// Blocks that the draws are shared out among for the discrepancy: enough for a standard error, few enough to be large.
const BLOCKS: usize = 8;

/// What the N items have.
#[derive(Default)]
struct Codes {
    /// The posteriors dimension by dimension: mean, 1/σ², and −½ ln 2πσ².
    posteriors: Vec<Vec<[f64; 3]>>,
    /// A draw from each posterior, and from the prior of the same item.
    z: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
    /// ln p(z) of each draw from the posterior.
    prior: Vec<f64>,
    /// Whether the items have one prior.
    shared: bool,
}

/// Adds what the aggregate tells.
pub(super) fn add(found: &mut Collapse, vae: &dyn Vae, data: &dyn Data, config: &CollapseConfig) -> Result<()> {
    let random = Random::new(config.seed);
    let count = config.items.min(data.len());
    // In random order: the blocks of the discrepancy must not be the classes of sorted data.
    let mut indices = random.stream(1).permutation(data.len());
    indices.truncate(count);
    let codes = Codes::of(vae, &Part { data, indices }, &random)?;

    let all: Vec<Vec<[f64; 2]>> = (0..count).into_par_iter().map(|i| codes.densities(i)).collect();
    // Of each dimension, and last of all together.
    let told = |j: usize| finite_mean(all.iter().map(|densities| densities[j][0]));
    for (j, dimension) in found.dimensions.iter_mut().enumerate() {
        dimension.information = told(j)?.map(|told| told.mean);
    }
    let latent = found.dimensions.len();
    let away = all.iter().zip(&codes.prior).map(|(densities, prior)| densities[latent][1] - prior);
    let marginal_kl = if codes.shared { finite_mean(away)? } else { None };
    if let Some(mutual_information) = told(latent)? {
        let mmd = mmd(&codes.z, &codes.y)?;
        found.aggregate = Some(Aggregate { items: count, mutual_information, marginal_kl, mmd });
    }
    Ok(())
}

/// The mean, none where a number is not finite: a log-density of codes that are too far from everything.
fn finite_mean(numbers: impl Iterator<Item = f64>) -> Result<Option<MeanError>> {
    let numbers: Vec<f64> = numbers.collect();
    if numbers.iter().all(|number| number.is_finite()) { mean_error(&numbers).map(Some) } else { Ok(None) }
}

impl Codes {
    fn of(vae: &dyn Vae, part: &Part<'_>, random: &Random) -> Result<Self> {
        let (mut noise, mut prior_noise) = (random.stream(2), random.stream(3));
        let mut codes = Self { shared: true, ..Default::default() };
        let mut first: Option<f64> = None;
        each_batch(vae, part, |vae, x| {
            let q = vae.encode(x)?;
            let q: &DiagonalGaussian = q.downcast()?;
            let p = vae.prior(x.dims()[0])?;
            let epsilon = rows(&noise.normal(q.mu().shape(), q.mu().device())?)?;
            let (mu, log_var) = (rows(q.mu())?, rows(q.log_var())?);
            // In double precision: a draw that rounds away from a narrow posterior would have no density.
            let draw = |((mu, log_var), epsilon): ((&Vec<f64>, &Vec<f64>), &Vec<f64>)| -> Vec<f64> {
                let each = mu.iter().zip(log_var).zip(epsilon);
                each.map(|((mu, log_var), epsilon)| mu + (0.5 * log_var).exp() * epsilon).collect()
            };
            let z: Vec<Vec<f64>> = mu.iter().zip(&log_var).zip(&epsilon).map(draw).collect();
            let y = p.sample(&mut prior_noise)?;
            // One prior for all says the same of one code, whatever the item.
            let probe = numbers(&p.log_prob(&y.zeros_like()?)?)?;
            let expected = *first.get_or_insert(probe[0]);
            codes.shared &= probe.iter().all(|value| (value - expected).abs() <= 1e-5 * (1.0 + expected.abs()));
            let at =
                Tensor::from_vec(z.concat(), y.shape(), &Device::Cpu)?.to_dtype(y.dtype())?.to_device(y.device())?;
            codes.prior.extend(numbers(&p.log_prob(&at)?)?);
            codes.y.extend(rows(&y)?);
            codes.posteriors.resize(vae.latent(), vec![]);
            for (mu, log_var) in mu.iter().zip(&log_var) {
                for (j, (&mu, &v)) in mu.iter().zip(log_var).enumerate() {
                    codes.posteriors[j].push([mu, (-v).exp(), -0.5 * (v + TAU.ln())]);
                }
            }
            codes.z.extend(z);
            Ok(())
        })?;
        Ok(codes)
    }

    /// Of the i-th draw, for each dimension and then for all together: ln q(z|xᵢ) − ln q(z), and ln q(z).
    fn densities(&self, i: usize) -> Vec<[f64; 2]> {
        let n = self.z.len();
        // ln N(zᵢⱼ; μₖⱼ, σₖⱼ²) of every k, dimension after dimension, and their sum.
        let mut together = vec![0.0; n];
        let mut pairs: Vec<Vec<f64>> = Vec::with_capacity(self.posteriors.len() + 1);
        for (z, posteriors) in self.z[i].iter().zip(&self.posteriors) {
            let log_prob = |&[mu, precision, norm]: &[f64; 3]| norm - 0.5 * (z - mu).powi(2) * precision;
            let column: Vec<f64> = posteriors.iter().map(log_prob).collect();
            together.iter_mut().zip(&column).for_each(|(sum, log_prob)| *sum += log_prob);
            pairs.push(column);
        }
        pairs.push(together);
        let mixture = |column: &Vec<f64>| {
            let density = column.iter().copied().collect::<LogSum>().value() - (n as f64).ln();
            [column[i] - density, density]
        };
        pairs.iter().map(mixture).collect()
    }
}

/// The unbiased estimate of MMD² between the distributions that two samples are from, as the mean over blocks.
fn mmd(z: &[Vec<f64>], y: &[Vec<f64>]) -> Result<Option<MeanError>> {
    let size = z.len() / BLOCKS;
    if size < 2 {
        return Ok(None);
    }
    let blocks: Vec<_> = z.chunks_exact(size).zip(y.chunks_exact(size)).collect();
    let estimates: Vec<f64> = blocks.into_par_iter().map(|(z, y)| block(z, y)).collect();
    finite_mean(estimates.into_iter())
}

/// Of one block: the mean over all pairs of two different numbers.
fn block(z: &[Vec<f64>], y: &[Vec<f64>]) -> f64 {
    let scale = 2.0 * z[0].len() as f64;
    let kernel = |a: &[f64], b: &[f64]| {
        let far: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        scale / (scale + far)
    };
    let mut sum = 0.0;
    for i in 0..z.len() {
        for j in (0..z.len()).filter(|&j| j != i) {
            sum += kernel(&z[i], &z[j]) + kernel(&y[i], &y[j]) - kernel(&z[i], &y[j]) - kernel(&z[j], &y[i]);
        }
    }
    sum / (z.len() * (z.len() - 1)) as f64
}
