//! A mixture of Gaussians with full covariances, fitted to codes after training: a density for models that have none.
//!
//! ```text
//! p(z) = Σₖ wₖ N(z; mₖ, Cₖ)
//! expectation    rₙₖ = wₖ N(zₙ; mₖ, Cₖ) / p(zₙ)
//! maximization   wₖ = 1/N Σₙ rₙₖ     mₖ = Σₙ rₙₖ zₙ / Σₙ rₙₖ     Cₖ = Σₙ rₙₖ (zₙ − mₖ)(zₙ − mₖ)ᵀ / Σₙ rₙₖ + ε I
//! ```
//! (Dempster, Laird & Rubin 1977.) ε is [`FLOOR`] of the mean variance of the codes. One component is the Gaussian with the mean and the
//! covariance of the codes. Ghosh et al. 2020 (arXiv 1903.12436) draw from autoencoders so, with ten components.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::GaussianMixture, random::Random};
//!
//! let codes = Random::new(1).normal((500, 2), &Device::Cpu)?; // (N, D)
//! let fitted = GaussianMixture::fit(&codes, 1, 0)?;
//! assert_eq!(fitted.sample(3, &mut Random::new(2))?.dims(), [3, 2]);
//! let nats = fitted.log_prob(&codes)?.iter().sum::<f64>() / 500.0;
//! assert!((nats + 2.84).abs() < 0.2); // minus the entropy of N(0, I), ln 2πe = 2.838
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use crate::{Error, Result, random::Random};

/// What is added to a covariance's diagonal, of the mean variance of the codes: a direction without any variance has a density too.
pub const FLOOR: f64 = 1e-4;
/// Steps at most, and by how many nats per code a step must gain for another one.
const STEPS: usize = 100;
const ENOUGH: f64 = 1e-4;

/// One of the Gaussians.
#[derive(Clone, Debug)]
struct Component {
    log_weight: f64,
    mean: Vec<f64>,
    /// L of C = L Lᵀ, row by row.
    root: Vec<f64>,
}

/// A mixture that was fitted to codes.
#[derive(Clone, Debug)]
pub struct GaussianMixture {
    components: Vec<Component>,
}

impl GaussianMixture {
    /// The mixture of `components` Gaussians that expectation and maximization lead to on `codes`, (N, D), from means that are codes far
    /// apart (k-means++, Arthur & Vassilvitskii 2007), drawn with `seed`.
    ///
    /// # Errors
    /// [`Error::Shape`] unless codes are a matrix, [`Error::Argument`] unless there are more of them than components and one or more
    /// components, [`Error::NotFinite`] for codes that are not finite.
    pub fn fit(codes: &Tensor, components: usize, seed: u64) -> Result<Self> {
        let rows = rows(codes)?;
        let (n, width) = (rows.len(), codes.dims()[1]);
        if components == 0 || components >= n {
            return Err(Error::argument(format!(
                "a mixture of {components} Gaussians for {n} codes: expected one or more, and fewer than codes"
            )));
        }
        let all = vec![1.0; n];
        let (mean, spread) = moments(&rows, &all, 0.0);
        let variance = (0..width).map(|j| spread[j * width + j]).sum::<f64>() / width as f64;
        let floor = (FLOOR * variance).max(f64::MIN_POSITIVE);
        let begin = |mean: Vec<f64>| Component {
            log_weight: -(components as f64).ln(),
            mean,
            root: cholesky(moments(&rows, &all, floor).1, width),
        };
        let starts = if components == 1 { vec![mean] } else { far_apart(&rows, components, seed) };
        let mut mixture = Self { components: starts.into_iter().map(begin).collect() };
        let mut before = f64::NEG_INFINITY;
        for _ in 0..STEPS {
            let joint: Vec<Vec<f64>> = rows.par_iter().map(|z| mixture.joint(z)).collect();
            let totals: Vec<f64> = joint.iter().map(|terms| log_sum(terms)).collect();
            let now = totals.iter().sum::<f64>() / n as f64;
            if now - before < ENOUGH {
                break;
            }
            before = now;
            let step = |k: usize| {
                let shares: Vec<f64> =
                    joint.iter().zip(&totals).map(|(terms, total)| (terms[k] - total).exp()).collect();
                let weight = shares.iter().sum::<f64>();
                // A component that no code is near stays where it is.
                if weight < 1e-6 {
                    return Component { log_weight: f64::NEG_INFINITY, ..mixture.components[k].clone() };
                }
                let (mean, covariance) = moments(&rows, &shares, floor);
                Component { log_weight: (weight / n as f64).ln(), mean, root: cholesky(covariance, width) }
            };
            mixture = Self { components: (0..components).into_par_iter().map(step).collect() };
        }
        Ok(mixture)
    }

    /// ln wₖ + ln N(z; mₖ, Cₖ) of each component.
    fn joint(&self, z: &[f64]) -> Vec<f64> {
        let width = z.len();
        let term = |component: &Component| {
            let Component { log_weight, mean, root } = component;
            // y = L⁻¹ (z − m), by forward substitution.
            let mut y = vec![0.0; width];
            let mut log_det = 0.0;
            for i in 0..width {
                let known: f64 = (0..i).map(|j| root[i * width + j] * y[j]).sum();
                y[i] = (z[i] - mean[i] - known) / root[i * width + i];
                log_det += root[i * width + i].ln();
            }
            let square: f64 = y.iter().map(|y| y * y).sum();
            log_weight - 0.5 * (square + width as f64 * std::f64::consts::TAU.ln()) - log_det
        };
        self.components.iter().map(term).collect()
    }

    /// ln p(z) of each code, (N, D) → N numbers, in nats.
    ///
    /// # Errors
    /// [`Error::Shape`] unless codes are (N, D) with the D of the fitted ones, [`Error::NotFinite`] for codes that are not finite.
    pub fn log_prob(&self, codes: &Tensor) -> Result<Vec<f64>> {
        let rows = rows(codes)?;
        let width = self.components.first().map_or(0, |component| component.mean.len());
        if codes.dims()[1] != width {
            let expected = format!("(codes, {width}), as those that the mixture was fitted to");
            return Err(Error::Shape { what: "codes", expected, got: codes.dims().to_vec() });
        }
        Ok(rows.par_iter().map(|z| log_sum(&self.joint(z))).collect())
    }

    /// `n` draws: (n, D), float32 on the CPU.
    ///
    /// # Errors
    /// When candle cannot make the tensor.
    pub fn sample(&self, n: usize, random: &mut Random) -> Result<Tensor> {
        let width = self.components.first().map_or(0, |component| component.mean.len());
        let (mut which, mut noise) = (vec![0f32; n], vec![0f32; n * width]);
        random.fill_uniform(&mut which);
        random.fill_normal(&mut noise);
        let mut out = Vec::with_capacity(n * width);
        for (u, noise) in which.into_iter().zip(noise.chunks(width.max(1))) {
            let mut left = f64::from(u);
            let chosen = self.components.iter().find(|component| {
                left -= component.log_weight.exp();
                left < 0.0
            });
            // Rounding may leave a rest.
            let Some(Component { mean, root, .. }) = chosen.or(self.components.last()) else { continue };
            for i in 0..width {
                let moved: f64 = (0..=i).map(|j| root[i * width + j] * f64::from(noise[j])).sum();
                out.push((mean[i] + moved) as f32);
            }
        }
        Ok(Tensor::from_vec(out, (n, width), &Device::Cpu)?)
    }
}

/// The codes as rows of float64.
fn rows(codes: &Tensor) -> Result<Vec<Vec<f64>>> {
    if codes.rank() != 2 || codes.dims()[1] == 0 {
        return Err(Error::Shape { what: "codes", expected: "(codes, latent)".into(), got: codes.dims().to_vec() });
    }
    let rows: Vec<Vec<f64>> = codes.detach().to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2()?;
    match rows.iter().position(|row| row.iter().any(|x| !x.is_finite())) {
        Some(i) => Err(Error::NotFinite(format!("code {i} is not finite; is the model trained?"))),
        None => Ok(rows),
    }
}

/// Weighted mean and covariance, with `floor` added to its diagonal.
fn moments(rows: &[Vec<f64>], weights: &[f64], floor: f64) -> (Vec<f64>, Vec<f64>) {
    let width = rows.first().map_or(0, Vec::len);
    let total: f64 = weights.iter().sum();
    let mut mean = vec![0.0; width];
    for (row, weight) in rows.iter().zip(weights) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += weight * x / total);
    }
    let mut covariance = vec![0.0; width * width];
    let mut off = vec![0.0; width];
    for (row, weight) in rows.iter().zip(weights).filter(|(_, weight)| **weight > 1e-12) {
        off.iter_mut().zip(row.iter().zip(&mean)).for_each(|(o, (x, m))| *o = x - m);
        for i in 0..width {
            let scaled = weight * off[i] / total;
            covariance[i * width..=i * width + i].iter_mut().zip(&off).for_each(|(c, o)| *c += scaled * o);
        }
    }
    for i in 0..width {
        covariance[i * width + i] += floor;
        for j in 0..i {
            covariance[j * width + i] = covariance[i * width + j];
        }
    }
    (mean, covariance)
}

/// L with L Lᵀ = `matrix`, which is symmetric and positive definite; a pivot that rounding made negative becomes the least positive number.
fn cholesky(mut matrix: Vec<f64>, width: usize) -> Vec<f64> {
    for i in 0..width {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| matrix[i * width + k] * matrix[j * width + k]).sum();
            let rest = matrix[i * width + j] - known;
            matrix[i * width + j] =
                if i == j { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / matrix[j * width + j] };
        }
        matrix[i * width + i + 1..(i + 1) * width].fill(0.0);
    }
    matrix
}

/// The first code that is drawn, then ever again one that is drawn by its squared distance from those before.
fn far_apart(rows: &[Vec<f64>], count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = Random::new(seed);
    let mut chosen = vec![rows[random.below(rows.len())].clone()];
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let mut squares: Vec<f64> = rows.iter().map(|row| distance(row, &chosen[0])).collect();
    while chosen.len() < count {
        let mut u = [0f32];
        random.fill_uniform(&mut u);
        let mut left = f64::from(u[0]) * squares.iter().sum::<f64>();
        let place = squares.iter().position(|square| {
            left -= square;
            left < 0.0
        });
        let next = rows[place.unwrap_or(rows.len() - 1)].clone();
        squares.iter_mut().zip(rows).for_each(|(square, row)| *square = square.min(distance(row, &next)));
        chosen.push(next);
    }
    chosen
}

fn log_sum(terms: &[f64]) -> f64 {
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        largest
    } else {
        largest + terms.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(n: usize, width: usize, seed: u64) -> Tensor {
        Random::new(seed).normal((n, width), &Device::Cpu).unwrap()
    }

    /// One component is the Gaussian of the codes' own mean and covariance: its log-densities average to −½ ln det 2πeC.
    #[test]
    fn one_component_is_in_closed_form() {
        let mix = Tensor::new(&[[2f32, 0., 0.], [1., 0.5, 0.], [-1., 0.3, 1.]], &Device::Cpu).unwrap();
        let codes = normal(4_000, 3, 1).matmul(&mix).unwrap();
        let fitted = GaussianMixture::fit(&codes, 1, 0).unwrap();
        let mean = fitted.log_prob(&codes).unwrap().iter().sum::<f64>() / 4_000.0;
        // det C = (2 · 0.5 · 1)² = 1 for the codes' distribution.
        let expected = -1.5 * (std::f64::consts::TAU * std::f64::consts::E).ln();
        assert!((mean - expected).abs() < 0.06, "{mean} {expected}");
        let (_, covariance) = moments(&rows(&codes).unwrap(), &[1.0; 4_000], 0.0);
        let root = &fitted.components[0].root;
        for i in 0..3 {
            for j in 0..3 {
                let product: f64 = (0..3).map(|k| root[i * 3 + k] * root[j * 3 + k]).sum();
                assert!((product - covariance[i * 3 + j]).abs() < 1e-3, "{i} {j}");
            }
        }
    }

    /// Two heaps far apart are found: their means, their shares, and a likelihood that one Gaussian does not reach.
    #[test]
    fn two_heaps() {
        let (a, b) = (normal(600, 2, 3), (normal(200, 2, 4) * 0.5).unwrap());
        let far = Tensor::new(&[[8f32, -3.]], &Device::Cpu).unwrap();
        let codes = Tensor::cat(&[a, b.broadcast_add(&far).unwrap()], 0).unwrap();
        let fitted = GaussianMixture::fit(&codes, 2, 1).unwrap();
        let mut parts: Vec<_> = fitted.components.iter().map(|c| (c.log_weight.exp(), c.mean.clone())).collect();
        parts.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!((parts[0].0 - 0.25).abs() < 0.01 && (parts[0].1[0] - 8.0).abs() < 0.2 && (parts[1].1[0]).abs() < 0.2);
        let nats =
            |k| GaussianMixture::fit(&codes, k, 1).unwrap().log_prob(&codes).unwrap().iter().sum::<f64>() / 800.0;
        assert!(nats(2) > nats(1) + 0.5, "{} {}", nats(2), nats(1));
    }

    /// Draws have the mean and the covariance of what was fitted, and repeat with their seed.
    #[test]
    fn draws() {
        let codes = normal(2_000, 2, 5).matmul(&Tensor::new(&[[1f32, 0.8], [0., 0.6]], &Device::Cpu).unwrap()).unwrap();
        let fitted = GaussianMixture::fit(&codes, 3, 1).unwrap();
        let drawn = fitted.sample(20_000, &mut Random::new(1)).unwrap();
        let of = |t: &Tensor| moments(&rows(t).unwrap(), &vec![1.0; t.dims()[0]], 0.0);
        let ((m, c), (m2, c2)) = (of(&codes), of(&drawn));
        assert!(m.iter().zip(&m2).chain(c.iter().zip(&c2)).all(|(a, b)| (a - b).abs() < 0.05), "{c:?} {c2:?}");
        let again = fitted.sample(20_000, &mut Random::new(1)).unwrap();
        assert_eq!(drawn.to_vec2::<f32>().unwrap(), again.to_vec2::<f32>().unwrap());
    }

    /// Codes of one point, no components, more components than codes, NaN and other shapes: a density or words, no panic.
    #[test]
    fn refusals() {
        let point = Tensor::ones((50, 3), DType::F32, &Device::Cpu).unwrap();
        assert!(GaussianMixture::fit(&point, 4, 1).unwrap().log_prob(&point).unwrap().iter().all(|x| !x.is_nan()));
        let message = |codes: &Tensor, k| GaussianMixture::fit(codes, k, 1).unwrap_err().to_string();
        assert_eq!(
            message(&point, 0),
            "a mixture of 0 Gaussians for 50 codes: expected one or more, and fewer than codes"
        );
        assert!(message(&point, 50).contains("50 Gaussians for 50 codes"));
        assert!(message(&(point.clone() * f64::NAN).unwrap(), 1).contains("code 0 is not finite"));
        assert!(message(&point.flatten_all().unwrap(), 1).contains("(codes, latent)"));
    }
}
