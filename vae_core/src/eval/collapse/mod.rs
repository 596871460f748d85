//! What the code of a trained model is used for: which dimensions are awake, how much they tell, whether codes lie where the prior is,
//! and a report in words.
//!
//! ```text
//! KLⱼ             = mean over x of KL(q(zⱼ|x) ‖ p(zⱼ))
//! active          = Var over x of E[zⱼ|x] > 0.01                              (Burda et al. 2016, section 5.2)
//! E[KL(q(z|x) ‖ p(z))] = I(x; z) + KL(q(z) ‖ p(z)),       q(z) = 1/N Σₙ q(z|xₙ)      (Hoffman & Johnson 2016)
//! I(x; z)         ≈ mean of ln q(zₙ|xₙ) − ln 1/N Σₖ q(zₙ|xₖ),  zₙ ~ q(z|xₙ);    at most ln N
//! MMD²(q(z), p(z)) = E[k(z, z′)] + E[k(y, y′)] − 2 E[k(z, y)],   k(a, b) = 2D / (2D + ‖a − b‖²)
//! ```
//! The aggregate q(z) is that of N items of the data, a stated number. Of a code and *which of these N items* it is from, the estimate of
//! I(x; z) has no bias. Of the code and any item that the data could hold it is a lower bound (Poole et al. 2019, section 2.3, with the
//! known posterior): whatever q is, it stays below ln N, 7.6 nats of 2,000 items. What the marginal KL(q(z) ‖ p(z)) has too much, it has
//! too little. From below comes what mean and variance of each dimension alone say,
//!
//! ```text
//! KL(q(z) ‖ p(z)) ≥ Σⱼ KL(q(zⱼ) ‖ p(zⱼ)) ≥ Σⱼ KL(N(mⱼ, vⱼ) ‖ p(zⱼ)),   mⱼ = E[zⱼ], vⱼ = Var E[zⱼ|x] + E Var[zⱼ|x]   (p a product of Gaussians)
//! ```
//! So both are known between two bounds: [`Collapse::mutual_information`] and [`Collapse::marginal_kl`].
//!
//! The maximum mean discrepancy (Gretton et al. 2012) compares draws from q(z) with draws from the prior, and no density is
//! asked: its kernel is the inverse multiquadric of Tolstikhin et al. 2018, with their scale for a standard normal prior. The
//! estimate is the unbiased one (Gretton's lemma 6), 0 on average where the two are equal and then as often negative as positive; it is
//! the mean over blocks of draws, so that it has a standard error (Zaremba et al. 2013).
//!
//! ```
//! use vae_core::{eval::{CollapseConfig, collapse}, prelude::*};
//!
//! let digits = data::digits(&Device::Cpu)?.train.take(400);
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![16], latent: 3, ..Default::default() }, &Device::Cpu, 1)?;
//! let found = collapse(&vae, &digits, &CollapseConfig::default())?;
//! assert_eq!(found.dimensions.len(), 3);
//! assert!(found.report().contains("nats")); // the same as `println!("{found}")`
//! # Ok::<(), vae_core::Error>(())
//! ```

mod aggregate;
mod findings;
mod measure;
mod report;

use serde::Serialize;

pub use findings::{Diagnosis, Finding};

use super::MeanError;
use crate::{Error, Result, data::Data, models::Vae};

/// A dimension whose posterior mean has a larger variance over the data than this is active.
const ACTIVE: f64 = 0.01;

/// What the aggregate posterior is estimated from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollapseConfig {
    /// N, how many of the items stand for all of them, drawn without replacement; no more than there are. The time grows with the square.
    pub items: usize,
    /// Where all draws come from.
    pub seed: u64,
}

/// 2,000 items: a second on two cores.
impl Default for CollapseConfig {
    fn default() -> Self {
        Self { items: 2_000, seed: 0 }
    }
}

/// What the code of a model is used for, in numbers: nats per item, where nothing else is said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Collapse {
    /// How many items there were.
    pub items: usize,
    /// Of how many a posterior, a log-probability or a KL was NaN or infinite; they are in none of the means.
    pub not_finite: usize,
    /// E_q\[log p(x|z)\], of one draw for each item.
    pub reconstruction: f64,
    /// The same where each item is decoded from the code of another: what the decoder knows without the code.
    pub swapped: f64,
    /// KL(q(z|x) ‖ p(z)).
    pub kl: f64,
    /// The least and the greatest log-variance of any posterior.
    pub log_var: (f64, f64),
    /// Of a decoder with Gaussian pixels, its variance σ² and what it is the variance of: the mean squared error.
    pub noise: Option<Noise>,
    /// One for each latent dimension.
    pub dimensions: Vec<Dimension>,
    /// What all posteriors are together; none where not all are finite, or none of its numbers would be.
    pub aggregate: Option<Aggregate>,
}

/// A dimension of the code.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Dimension {
    /// KL(q(zⱼ|x) ‖ p(zⱼ)), averaged over the items, in nats; none for a prior that is no [`DiagonalGaussian`](crate::distributions::DiagonalGaussian).
    pub kl: Option<f64>,
    /// The mean over the items of the posterior means.
    pub mean: f64,
    /// Their variance over the items: above 0.01, the dimension is active.
    pub variance_of_mean: f64,
    /// The mean over the items of the posterior variances; the sum of both is the variance of q(zⱼ).
    pub mean_variance: f64,
    /// Whether mean and variance are the same for all items to the last digit or nearly so.
    pub constant: bool,
    /// I(x; zⱼ), what the dimension tells by itself of which of the N items it is, in nats; ln N at most.
    pub information: Option<f64>,
    /// How far the dimension by itself is from the prior at least, in nats: the KL of a Gaussian with the mean and the variance of
    /// q(zⱼ). None for a prior that depends on the item or is no Gaussian.
    pub marginal_kl: Option<f64>,
}

/// The posteriors of N items together, q(z) = 1/N Σₙ q(z|xₙ).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Aggregate {
    /// N.
    pub items: usize,
    /// I(x; z), in nats, of which of the N items a code is from: ln N at most.
    pub mutual_information: MeanError,
    /// KL(q(z) ‖ p(z)), in nats, of these N items; none for a prior that depends on the item.
    pub marginal_kl: Option<MeanError>,
    /// MMD²(q(z), p(z)), without a unit; none where N is below 16.
    pub mmd: Option<MeanError>,
}

/// The pixel noise of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Noise {
    /// σ², averaged over pixels, in squared pixel values.
    pub variance: f64,
    /// (x − mean of p(x|z))², averaged over pixels and items, at draws of z.
    pub squared_error: f64,
}

/// Measures what the code of `vae` is used for, over all of `data`.
///
/// Posteriors have to be [`DiagonalGaussian`](crate::distributions::DiagonalGaussian)s. The prior may be any: where it is no
/// Gaussian, its KL is estimated at a draw for each item and has no parts.
///
/// # Errors
/// [`Error::Argument`] for fewer than 2 items, in the data or in the settings, and a posterior of another type; otherwise those of
/// [`scores`](super::scores). A model whose numbers are NaN is no error: that is what [`Collapse::not_finite`] tells.
pub fn collapse(vae: &dyn Vae, data: &dyn Data, config: &CollapseConfig) -> Result<Collapse> {
    for (what, count) in [("items of a CollapseConfig", config.items), ("the data's items", data.len())] {
        if count < 2 {
            return Err(Error::argument(format!("{what} must be 2 or more, got {count}")));
        }
    }
    let mut found = measure::measure(vae, data, config)?;
    if found.not_finite == 0 {
        aggregate::add(&mut found, vae, data, config)?;
    }
    Ok(found)
}

impl Dimension {
    /// Whether its mean depends on the item: a variance above 0.01.
    pub fn active(&self) -> bool {
        self.variance_of_mean > ACTIVE
    }

    /// The variance of q(zⱼ).
    pub fn variance(&self) -> f64 {
        self.variance_of_mean + self.mean_variance
    }
}

impl Collapse {
    /// How many dimensions are active.
    pub fn active(&self) -> usize {
        self.dimensions.iter().filter(|dimension| dimension.active()).count()
    }

    /// What an item's own code is worth to the decoder, in nats: what is lost with the code of another item.
    pub fn code_worth(&self) -> f64 {
        self.reconstruction - self.swapped
    }

    /// Between which two numbers I(x; z) lies, in nats: the estimate from N items, and the KL less the least marginal KL. Both have the noise of
    /// their draws.
    pub fn mutual_information(&self) -> Option<(f64, f64)> {
        let least = self.aggregate?.mutual_information.mean.max(0.0);
        Some((least, (self.kl - self.marginals()).max(least)))
    }

    /// Between which two numbers KL(q(z) ‖ p(z)) lies, in nats: the sum of what single dimensions are away from the prior at
    /// least, and the estimate from N items.
    pub fn marginal_kl(&self) -> Option<(f64, f64)> {
        let most = self.aggregate?.marginal_kl?.mean.max(0.0);
        Some((self.marginals().min(most), most))
    }

    /// Σⱼ of the least marginal KLs, 0 where they are not known.
    fn marginals(&self) -> f64 {
        self.dimensions.iter().filter_map(|dimension| dimension.marginal_kl).sum()
    }
}
