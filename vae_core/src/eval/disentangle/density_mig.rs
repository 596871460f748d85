//! The mutual information gap (MIG) in the protocol of Chen et al. 2018 (appendix B): draws from the posterior, and densities of q.
//!
//! ```text
//! MIG       = 1/K Σ_k (I(z_j*; v_k) − max_{j ≠ j*} I(z_j; v_k)) / H(v_k)
//! I(z; v)   = H(z) − 1/V Σ_v H(z|v)                                      of one dimension and one factor of V values, H(v) = ln V
//! H(z)      = −E_q(z)[ln q(z)],   q(z) = 1/N Σ_n N(z; μ_n, σ_n²)          over all N items;  H(z|v): over those with this value
//! ```
//! The paper has no number for *shape*, which is not ordered, though the items have all shapes; `leave_out: vec!["shape".into()]` does
//! the same. [`Codes::mig`](super::Codes::mig) is the other protocol; numbers of the two do not compare.
//!
//! The sum over N is exact, and a draw is judged by the very mixture that it is from: the estimate of H has no bias, only the noise of
//! its draws. But the paper's items are all of the data (737,280), here they are a grid through them: of each factor at most `values`
//! values, in equal steps. The gap is that of the *data on the grid*: factors have fewer values, and each is told by a code that could
//! not tell the ones between. Where codes tell neighbours of the whole data from each other the two are about equal; where they do not, the
//! grid's is larger. `values: usize::MAX` is the paper's.
//!
//! ```
//! use vae_core::{candle::Device, data, eval::disentangle::{DensityMig, density_mig}, models::{MlpVae, MlpVaeConfig}, random::Random};
//!
//! let sprites = data::sprites(32, &Device::Cpu)?;
//! let config = MlpVaeConfig { image: (1, 32, 32), hidden: vec![32], latent: 4, ..Default::default() };
//! let settings = DensityMig { values: 2, leave_out: vec!["shape".into()], ..Default::default() };
//! let gaps = density_mig(&MlpVae::new(config, &Device::Cpu, 1)?, &sprites, &settings, &mut Random::new(1))?;
//! assert_eq!(gaps.factors, ["scale", "rotation", "x", "y"]);
//! assert!(gaps.mean() < 0.5); // it has learned nothing
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Gaps, codes::some, countable, counted};
use crate::{
    Error, Result,
    data::{Factored, Part, combination},
    distributions::DiagonalGaussian,
    eval::anomaly::each_batch,
    models::Vae,
    random::Random,
};

/// What the entropies are estimated from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DensityMig {
    /// How many values of each factor the grid has, at most.
    pub values: usize,
    /// Draws for each entropy: one from each item, of as many items as this, drawn without replacement.
    pub draws: usize,
    /// Names of factors whose gap does not count; the grid has them all the same.
    pub leave_out: Vec<String>,
}

/// A grid of at most 8 values a factor, 9,216 sprites; 10,000 draws as in the authors' program.
impl Default for DensityMig {
    fn default() -> Self {
        Self { values: 8, draws: 10_000, leave_out: vec![] }
    }
}

/// Of one dimension: the posterior of each item, and a draw from it.
#[derive(Default)]
struct Mixture {
    mu: Vec<f64>,
    /// 1/σ.
    precision: Vec<f64>,
    z: Vec<f64>,
}

/// The gap of the densities of `vae`'s codes, whose posterior has to be a [`DiagonalGaussian`]; all draws from `random`.
///
/// # Errors
/// [`Error::Argument`] for fewer than 2 values or 1 draw, a grid of more than 16 million items, a name that no factor has, data without
/// items or without factors that vary, and a posterior of another type; [`Error::NotFinite`] where a density is not a number;
/// otherwise as [`eval::codes`](crate::eval::codes).
pub fn density_mig(vae: &dyn Vae, data: &dyn Factored, settings: &DensityMig, random: &mut Random) -> Result<Gaps> {
    let DensityMig { values, draws, leave_out } = settings;
    for (what, count, least) in [("values", *values, 2), ("draws", *draws, 1)] {
        if count < least {
            return Err(Error::argument(format!("{what} of a DensityMig must be {least} or more, got {count}")));
        }
    }
    let factors = counted(some(data)?, leave_out)?;
    let sides: Vec<usize> = data.sizes().iter().map(|&(_, size)| size.min(*values)).collect();
    let items = grid(data, &sides)?;
    let (dimensions, count) = (posteriors(vae, data, &items, random)?, items.len());

    // The items of each value of a factor, and all of them; each with those that are drawn from.
    let mut some_of = |items: Vec<usize>| {
        let drawn: Vec<usize> = random.permutation(items.len()).into_iter().take(*draws).map(|i| items[i]).collect();
        (items, drawn)
    };
    let whole = some_of((0..count).collect());
    let stride = |k: usize| sides[k + 1..].iter().product::<usize>();
    let parts: Vec<Vec<_>> = factors
        .iter()
        .map(|&k| {
            let with = |value| (0..count).filter(|i| i / stride(k) % sides[k] == value).collect();
            (0..sides[k]).map(|value| some_of(with(value))).collect()
        })
        .collect();

    let row = |mixture: &Mixture| -> Vec<f64> {
        let entropy = |(items, drawn): &(Vec<usize>, Vec<usize>)| mixture.entropy(items, drawn);
        let whole = entropy(&whole);
        let told = |parts: &Vec<(Vec<usize>, Vec<usize>)>| {
            let rest = parts.iter().map(entropy).sum::<f64>() / parts.len() as f64;
            // Noise makes a zero negative; what is no number stays none.
            let nats = if whole < rest { 0.0 } else { whole - rest };
            nats / (parts.len() as f64).ln()
        };
        parts.iter().map(told).collect()
    };
    let table: Vec<Vec<f64>> = dimensions.par_iter().map(row).collect();
    if let Some(j) = table.iter().position(|row| row.iter().any(|told| !told.is_finite())) {
        return Err(Error::NotFinite(format!("the density of dimension {j} is no number; is the model trained?")));
    }
    Ok(Gaps::new(factors.iter().map(|&k| data.sizes()[k].0.to_string()).collect(), table))
}

/// The numbers of the items on a grid of `sides` values a factor, in the order of counting.
fn grid(data: &dyn Factored, sides: &[usize]) -> Result<Vec<usize>> {
    let count = sides.iter().try_fold(1usize, |count, side| count.checked_mul(*side));
    let count = countable("the grid of a DensityMig", count)?;
    let item = |i: usize| {
        let steps = combination(i, sides.iter().copied());
        let sizes = data.sizes().iter().zip(sides);
        data.index(&steps.iter().zip(sizes).map(|(step, ((_, size), side))| step * size / side).collect::<Vec<_>>())
    };
    (0..count).map(item).collect()
}

/// The posterior of each item and a draw from it, dimension by dimension.
fn posteriors(vae: &dyn Vae, data: &dyn Factored, items: &[usize], random: &mut Random) -> Result<Vec<Mixture>> {
    let mut all: Vec<Mixture> = (0..vae.latent()).map(|_| Mixture::default()).collect();
    let part = Part { data, indices: items.to_vec() };
    each_batch(vae, &part, |vae, x| {
        let q = vae.encode(x)?;
        let q = q.downcast::<DiagonalGaussian>()?;
        let columns = |t: &Tensor| -> Result<Vec<Vec<f64>>> { Ok(t.detach().to_dtype(DType::F64)?.t()?.to_vec2()?) };
        let noise = columns(&random.normal(q.mu().shape(), q.mu().device())?)?;
        let (mu, log_var) = (columns(q.mu())?, columns(q.log_var())?);
        for (((all, mu), log_var), noise) in all.iter_mut().zip(mu).zip(log_var).zip(noise) {
            // In double precision: a draw that rounds away from a narrow posterior would have no density.
            all.z.extend(mu.iter().zip(&log_var).zip(noise).map(|((mu, log_var), e)| mu + (0.5 * log_var).exp() * e));
            all.precision.extend(log_var.into_iter().map(|log_var| (-0.5 * log_var).exp()));
            all.mu.extend(mu);
        }
        Ok(())
    })?;
    Ok(all)
}

impl Mixture {
    /// The entropy of the mixture of these items' posteriors, estimated at the draws from `drawn`, some of them, in nats.
    fn entropy(&self, items: &[usize], drawn: &[usize]) -> f64 {
        let posteriors: Vec<(f64, f64)> = items.iter().map(|&i| (self.mu[i], self.precision[i])).collect();
        let surprise = |&i: &usize| {
            let z = self.z[i];
            let density = |&(mu, precision): &(f64, f64)| {
                let far = (z - mu) * precision;
                // What adds less than 1e-17 of a posterior's height is not worth an exponential.
                if far.abs() > 9.0 { 0.0 } else { precision * (-0.5 * far * far).exp() }
            };
            // The draw's own posterior is among them, so that the sum is not 0.
            -posteriors.iter().map(density).sum::<f64>().ln()
        };
        let mean = drawn.iter().map(surprise).sum::<f64>() / drawn.len() as f64;
        mean + (items.len() as f64).ln() + 0.5 * std::f64::consts::TAU.ln()
    }
}
