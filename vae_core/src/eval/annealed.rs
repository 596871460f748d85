//! Log-likelihood by annealed importance sampling: a cross-check that does without q(z|x).
//!
//! ```text
//! f_t(z) = p(z) p(x|z)^β_t                        0 = β₀ < β₁ < … < β_T = 1
//! ln w   = Σ_t (β_t − β_{t−1}) ln p(x|z_{t−1})    z₀ ~ p(z); z_t from z_{t−1} by a step that leaves f_t as it is
//! log p(x) ≈ ln 1/K Σ w                           E[w] = p(x) (Neal 2001; for decoders Wu et al. 2017)
//! ```
//! The step is Hamiltonian Monte Carlo (Neal 2011): with a momentum r ~ N(0, I), leapfrog steps of size ε along the gradient of ln f_t,
//! accepted with probability min(1, exp(H − H')). A chain that is not counted finds ε for each item and t, by way of an acceptance of 0.65;
//! the others keep to it, so that w has no bias. β follows a sigmoid, slow at both ends.
//!
//! It takes `steps` · `leapfrog` gradients for each draw, so it is for some dozens of items. Where it finds more than
//! [importance sampling](super::likelihood()) from the same model, q(z|x) misses what p(z|x) has.
//!
//! ```
//! use vae_core::{candle::Device, data::Images, eval::{Annealed, annealed}, models::{MlpVae, MlpVaeConfig}};
//!
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![], latent: 2, ..Default::default() }, &Device::Cpu, 1)?;
//! let images = Images::new(vec![255; 2 * 784], vec![0; 2], (1, 28, 28), &Device::Cpu)?;
//! let settings = Annealed { chains: 4, steps: 20, ..Default::default() };
//! println!("{}", annealed(&vae, &images, &settings, 7)?);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{D, DType, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::{
    anomaly::each_batch,
    likelihood::Likelihood,
    weights::{Weights, ladder},
};
use crate::{
    Error, Result,
    data::Data,
    distributions::Distribution,
    models::Vae,
    nn::{backward, enable_grad},
    random::Random,
};

/// How long and how often to anneal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Annealed {
    /// K, the weights of each item.
    pub chains: usize,
    /// T, the distributions from prior to posterior.
    pub steps: usize,
    /// Leapfrog steps in each.
    pub leapfrog: usize,
}

impl Default for Annealed {
    /// 16 chains of 1000 steps, 10 leapfrog steps each, about what Wu et al. 2017 use.
    fn default() -> Self {
        Self { chains: 16, steps: 1000, leapfrog: 10 }
    }
}

/// ε before anything is known of it.
const FIRST_STEP: f64 = 0.1;
/// The acceptance that ε should lead to (Neal 2011, section 4.4).
const ACCEPTANCE: f64 = 0.65;
/// How far ln ε moves at once, times what the acceptance is off.
const RATE: f64 = 0.1;

/// log p(x) of every item by annealed importance sampling; see the top of this module. Noise as in [`likelihood`](super::likelihood()).
///
/// # Errors
/// [`Error::Argument`] for settings of 0, and for a prior or likelihood without a gradient; otherwise those of
/// [`likelihood`](super::likelihood()).
pub fn annealed(vae: &dyn Vae, data: &dyn Data, settings: &Annealed, seed: u64) -> Result<Likelihood> {
    let &Annealed { chains, steps, leapfrog } = settings;
    for (name, value) in [("chains", chains), ("steps", steps), ("leapfrog", leapfrog)] {
        if value == 0 {
            return Err(Error::argument(format!("{name} of an Annealed must be 1 or more, got 0")));
        }
    }
    let (mut weights, sizes, betas) = (Vec::with_capacity(data.len()), ladder(chains), betas(steps));
    each_batch(vae, data, |vae, x| {
        let (first, n) = (weights.len(), x.dims()[0]);
        weights.resize_with(first + n, || Weights::new(&sizes));
        let target = Target { vae, prior: vae.prior(n)?, x };
        let noise = |chain: usize| Random::new(seed).stream(chain as u64).apart(first);
        // ε of each transition and item.
        let mut sizes: Vec<Vec<f64>> = vec![];
        let mut epsilon = vec![FIRST_STEP; n];
        target.chain(&betas, leapfrog, noise(0), |_, acceptance| {
            if let Some(acceptance) = acceptance {
                let tuned = |(e, a): (&mut f64, &f64)| *e *= (RATE * (a - ACCEPTANCE)).exp();
                epsilon.iter_mut().zip(acceptance).for_each(tuned);
            }
            sizes.push(epsilon.clone());
            epsilon.clone()
        })?;
        for chain in 1..=chains {
            let log_weights = target.chain(&betas, leapfrog, noise(chain), |t, _| sizes[t].clone())?;
            weights[first..].iter_mut().zip(log_weights).for_each(|(weights, w)| weights.add(w));
        }
        Ok(())
    })?;
    Likelihood::of(&weights, chains)
}

/// β₀, …, β_T: σ(4 (2t/T − 1)), stretched to [0, 1].
fn betas(steps: usize) -> Vec<f64> {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (low, high) = (sigmoid(-4.0), sigmoid(4.0));
    let at = |t: usize| (sigmoid(4.0 * (2.0 * t as f64 / steps as f64 - 1.0)) - low) / (high - low);
    (0..=steps).map(at).collect()
}

/// What is annealed to: p(z) p(x|z) of some items.
struct Target<'a> {
    vae: &'a dyn Vae,
    prior: Box<dyn Distribution>,
    x: &'a Tensor,
}

/// Codes, (B, D), with what is known of them.
struct Point {
    z: Tensor,
    /// ln p(x|z), (B,).
    likelihood: Vec<f64>,
    /// ln f(z), (B,), and its gradient, (B, D).
    log_density: Vec<f64>,
    slope: Tensor,
}

impl Target<'_> {
    /// Codes under f = p(z) p(x|z)^β.
    fn at(&self, z: &Tensor, beta: f64) -> Result<Point> {
        let z = Var::from_tensor(z)?;
        let (likelihood, log_density, slope) = enable_grad(|| -> Result<_> {
            let likelihood = self.vae.decode(&z)?.log_prob(self.x)?;
            let log_density = (self.prior.log_prob(&z)? + (&likelihood * beta)?)?;
            let slope = backward(&log_density.sum_all()?)?.get(&z)?;
            Ok((likelihood, log_density, slope))
        })?;
        let slope = slope.ok_or_else(|| {
            Error::argument(
                "annealing needs the gradients of ln p(z) and ln p(x|z) with respect to z, and there are none",
            )
        })?;
        Ok(Point {
            z: z.as_detached_tensor(),
            likelihood: doubles(&likelihood)?,
            log_density: doubles(&log_density)?,
            slope,
        })
    }

    /// ln w of each item. `epsilon(t, acceptance)` says how long the leapfrog steps of transition t are, given the probability
    /// with which that before it was accepted.
    fn chain(
        &self,
        betas: &[f64],
        leapfrog: usize,
        mut noise: Random,
        mut epsilon: impl FnMut(usize, Option<&[f64]>) -> Vec<f64>,
    ) -> Result<Vec<f64>> {
        let mut z = self.prior.sample(&mut noise)?.detach();
        let mut log_weights = vec![0.0; z.dims()[0]];
        let mut acceptance: Option<Vec<f64>> = None;
        for (t, pair) in betas.windows(2).enumerate() {
            let mut weigh = |likelihood: &[f64]| {
                log_weights.iter_mut().zip(likelihood).for_each(|(w, l)| *w += (pair[1] - pair[0]) * l);
            };
            if t + 2 == betas.len() {
                // From the last one there is nowhere to go: no slope is needed.
                weigh(&doubles(&self.vae.decode(&z)?.log_prob(self.x)?)?);
                break;
            }
            let here = self.at(&z, pair[1])?;
            weigh(&here.likelihood);
            let (moved, accepted) =
                self.transition(here, pair[1], &epsilon(t, acceptance.as_deref()), leapfrog, &mut noise)?;
            (z, acceptance) = (moved, Some(accepted));
        }
        Ok(log_weights)
    }

    /// One step of Hamiltonian Monte Carlo: the codes after it, and the probability with which each was accepted.
    fn transition(
        &self,
        here: Point,
        beta: f64,
        epsilon: &[f64],
        leapfrog: usize,
        noise: &mut Random,
    ) -> Result<(Tensor, Vec<f64>)> {
        let (device, dtype, shape) = (here.z.device(), here.z.dtype(), here.z.shape());
        let epsilon = Tensor::new(epsilon, device)?.to_dtype(dtype)?.unsqueeze(1)?.broadcast_as(shape)?;
        let before = noise.normal(shape, device)?.to_dtype(dtype)?;
        let (mut there, mut momentum) = (None, before.clone());
        for _ in 0..leapfrog {
            let point = there.as_ref().unwrap_or(&here);
            momentum = (momentum + (&point.slope * &epsilon)? * 0.5)?;
            let point = self.at(&(&point.z + (&momentum * &epsilon)?)?, beta)?;
            momentum = (momentum + (&point.slope * &epsilon)? * 0.5)?;
            there = Some(point);
        }
        let there = there.as_ref().unwrap_or(&here);
        let energy = |point: &Point, momentum: &Tensor| -> Result<Vec<f64>> {
            let kinetic = doubles(&momentum.sqr()?.sum(D::Minus1)?)?;
            Ok(point.log_density.iter().zip(kinetic).map(|(potential, square)| 0.5 * square - potential).collect())
        };
        let energies = energy(&here, &before)?.into_iter().zip(energy(there, &momentum)?);
        // Where a step went astray the energy is no number, and the step is refused.
        let chance_of = |ratio: f64| if ratio.is_nan() { 0.0 } else { ratio.min(1.0) };
        let acceptance: Vec<f64> = energies.map(|(before, after)| chance_of((before - after).exp())).collect();
        let chance = doubles(&noise.uniform(acceptance.len(), device)?)?;
        let accepted: Vec<u8> = chance.iter().zip(&acceptance).map(|(u, a)| u8::from(u < a)).collect();
        let accepted = Tensor::new(accepted, device)?.unsqueeze(1)?.broadcast_as(shape)?;
        Ok((accepted.where_cond(&there.z, &here.z)?, acceptance))
    }
}

fn doubles(x: &Tensor) -> Result<Vec<f64>> {
    Ok(x.detach().to_dtype(DType::F64)?.to_vec1()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path goes from prior to posterior and never back, also in one step.
    #[test]
    fn paths() {
        assert_eq!(betas(1), [0.0, 1.0]);
        let path = betas(100);
        assert!(path.is_sorted() && path[0] == 0.0 && path[100] == 1.0 && (path[50] - 0.5).abs() < 1e-12);
    }
}
