//! VampPrior (Tomczak & Welling 2018, "VAE with a VampPrior"): the prior is the mixture of the posteriors of K pseudo-inputs u,
//! which are learned with the rest.
//!
//! ```text
//! p(z) = (1/K) Σₖ q(z|uₖ)        ln p(z) = log-sum-expₖ ln q(z|uₖ) − ln K
//! ```

use super::harness;
use vae_core::{candle_nn, nn, prelude::*};

/// A mixture of K Gaussians in equal parts, for each of `rows` rows.
struct Mixture {
    /// (K, D).
    parts: DiagonalGaussian,
    rows: usize,
}

impl Distribution for Mixture {
    /// Draws have no gradient: which part one is from cannot be reparameterized.
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        let (mu, log_var) = (self.parts.mu(), self.parts.log_var());
        let parts = mu.dims()[0] as f64;
        let part = (random.uniform(self.rows, mu.device())? * parts)?.to_dtype(DType::U32)?;
        let [mu, log_var] = [mu, log_var].map(|x| x.detach().index_select(&part, 0));
        DiagonalGaussian::new(mu?, log_var?)?.sample(random)
    }

    fn log_prob(&self, z: &Tensor) -> Result<Tensor> {
        let shape = [self.rows, self.parts.mu().dims()[1]];
        if z.dims() != shape {
            return Err(Error::Shape {
                what: "z of a mixture",
                expected: format!("{shape:?}"),
                got: z.dims().to_vec(),
            });
        }
        let (mu, log_var) = (self.parts.mu().unsqueeze(0)?, self.parts.log_var().unsqueeze(0)?); // (1, K, D)
        let squares = z.unsqueeze(1)?.broadcast_sub(&mu)?.sqr()?.broadcast_div(&log_var.exp()?)?; // (B, K, D)
        let log_q = squares.broadcast_add(&(log_var + std::f64::consts::TAU.ln())?)?.sum(2)?.affine(-0.5, 0.0)?;
        Ok((log_q.log_sum_exp(1)? - (mu.dims()[1] as f64).ln())?)
    }

    fn mean(&self) -> Result<Tensor> {
        let mean = self.parts.mu().mean_keepdim(0)?;
        Ok(mean.repeat((self.rows, 1))?)
    }
}

/// An MLP whose prior is learned: its own parameters, and the pseudo-inputs.
struct VampVae {
    vae: MlpVae,
    params: Params,
    /// Logits of the pseudo-inputs' pixels, (K, C, H, W).
    pseudo_inputs: Tensor,
}

impl VampVae {
    fn new(vae: MlpVae, parts: usize, random: &mut Random) -> Result<Self> {
        let mut params = vae.params().clone(); // shared, not copied
        let shape = [&[parts], vae.shape().dims()].concat();
        let logits = Var::from_tensor(&random.normal(shape, vae.device())?)?;
        let pseudo_inputs = params.register("prior.pseudo_inputs", logits)?;
        Ok(Self { vae, params, pseudo_inputs })
    }
}

impl Vae for VampVae {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(self.vae.encode(x)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        self.vae.decode(z)
    }

    fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
        let parts = self.vae.encode(&candle_nn::ops::sigmoid(&self.pseudo_inputs)?)?;
        Ok(Box::new(Mixture { parts, rows: n }))
    }

    fn latent(&self) -> usize {
        self.vae.latent()
    }

    fn shape(&self) -> Shape {
        self.vae.shape()
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// Digits are learned, and the pseudo-inputs with them; the learned prior is nearer to the codes than N(0, I) is.
#[test]
fn learns_its_prior() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(512);
    let config = MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() };
    let vae = || {
        let vae = MlpVae::new(config.clone(), &Device::Cpu, 1).unwrap();
        VampVae::new(vae, 16, &mut Random::new(2)).unwrap()
    };
    let settings = |trainer: Trainer| trainer.learning_rate(1e-2).validation(64);
    let (trained, history) = harness::trains_and_resumes(vae, Elbo::default, &digits, settings);
    assert!(history.epochs[3].train.elbo > history.epochs[0].train.elbo + 50.0, "{history}");
    let moved = (&trained.pseudo_inputs - vae().pseudo_inputs)?.abs()?.mean_all()?.to_scalar::<f32>()?;
    let elbo = |vae: &dyn Vae| evaluate(&Elbo::default(), vae, &digits, false, 1).map(|means| means.elbo);
    assert!(moved > 0.01 && elbo(&trained)? > elbo(&trained.vae)?, "{moved}");
    assert_eq!(trained.generate(3, &mut Random::new(1))?.dims(), [3, 1, 28, 28]);
    Ok(())
}

/// Three parts in two dimensions, for `rows` rows.
fn mixture(rows: usize) -> Result<Mixture> {
    let (mu, log_var) = ([[0.5f32, -1.0], [2.0, 1.0], [-1.5, 0.3]], [[-1.0f32, 0.4], [0.2, -2.0], [0.0, -0.5]]);
    let [mu, log_var] = [mu, log_var].map(|x| Tensor::new(&x, &Device::Cpu));
    Ok(Mixture { parts: DiagonalGaussian::new(mu?, log_var?)?, rows })
}

/// The density is that of the formula in float64 all over a grid, and integrates to 1; with one part it is that Gaussian's.
#[test]
fn density_of_the_mixture() -> Result<()> {
    let axis = Tensor::arange(-160f32, 161.0, &Device::Cpu)?.affine(0.05, 0.0)?;
    let z = Tensor::stack(&Tensor::meshgrid(&[&axis, &axis], true)?, 2)?.reshape(((), 2))?;
    let mixture = mixture(z.dims()[0])?;
    let (mu, log_var) = (harness::numbers(mixture.parts.mu()), harness::numbers(mixture.parts.log_var()));
    let part = |z: &[f64], k: usize| {
        let factor = |j: usize| {
            let (mu, variance) = (mu[2 * k + j], log_var[2 * k + j].exp());
            (-0.5 * (z[j] - mu).powi(2) / variance).exp() / (std::f64::consts::TAU * variance).sqrt()
        };
        factor(0) * factor(1)
    };
    let log_prob = harness::numbers(&mixture.log_prob(&z)?);
    for (z, log_prob) in harness::numbers(&z).chunks(2).zip(&log_prob) {
        let exact = ((0..3).map(|k| part(z, k)).sum::<f64>() / 3.0).ln();
        assert!((log_prob - exact).abs() < 1e-5 * exact.abs().max(1.0), "{z:?}: {log_prob} {exact}");
    }
    let integral = log_prob.iter().map(|log_prob| log_prob.exp()).sum::<f64>() * 0.05 * 0.05;
    assert!((integral - 1.0).abs() < 1e-4, "{integral}");

    let part = |rows: usize| -> Result<DiagonalGaussian> {
        let [mu, log_var] = [mixture.parts.mu(), mixture.parts.log_var()].map(|x| x.narrow(0, 0, 1)?.repeat((rows, 1)));
        DiagonalGaussian::new(mu?, log_var?)
    };
    let (one, z) = (Mixture { parts: part(1)?, rows: 5 }, z.narrow(0, 50_000, 5)?);
    let gaussian = part(5)?;
    check::close("one part", &one.log_prob(&z)?, &gaussian.log_prob(&z)?, 1e-5)
}

/// Draws have the mixture's mean and second moments, within five standard errors, and are one draw where rows are alike.
#[test]
fn moments_of_draws() -> Result<()> {
    let mixture = mixture(100_000)?;
    let double = |x: &Tensor| x.to_dtype(DType::F64);
    let (mu, variance) = (double(mixture.parts.mu())?, double(mixture.parts.log_var())?.exp()?);
    let products = |z: &Tensor| z.unsqueeze(2)?.broadcast_mul(&z.unsqueeze(1)?)?.flatten_from(1);
    let spread = variance.unsqueeze(2)?.broadcast_mul(&Tensor::eye(2, DType::F64, &Device::Cpu)?)?.flatten_from(1)?;
    let exact = Tensor::cat(&[mu.clone(), (products(&mu)? + spread)?], 1)?.mean(0)?;
    let z = double(&mixture.sample(&mut Random::new(1))?)?;
    let draws = Tensor::cat(&[z.clone(), products(&z)?], 1)?;
    let ratio = ((draws.mean(0)? - exact)? / (draws.var(0)? / 100_000.0)?.sqrt()?)?;
    assert!(harness::numbers(&ratio).iter().all(|ratio| ratio.abs() < 5.0), "{ratio}");
    check::close("the mean", &double(&mixture.mean()?.narrow(0, 7, 1)?)?, &mu.mean_keepdim(0)?, 1e-6)?;
    let alike = mixture.sample(&mut Random::new(1).alike())?;
    assert_eq!(alike.get(0)?.to_vec1::<f32>()?, alike.get(99_999)?.to_vec1::<f32>()?);
    Ok(())
}

/// The gradient of the ELBO reaches every pseudo-input, through the prior alone.
#[test]
fn gradient_reaches_pseudo_inputs() -> Result<()> {
    let config = MlpVaeConfig { image: (1, 2, 2), hidden: vec![5], latent: 2, ..Default::default() };
    let vae = VampVae::new(MlpVae::new(config, &Device::Cpu, 1)?, 3, &mut Random::new(2))?;
    let batch = Batch { x: Random::new(3).uniform((8, 1, 2, 2), &Device::Cpu)?, y: None };
    let terms = Elbo::default().terms(&vae, &batch, 0.0, &mut Random::new(4))?;
    let gradient = |term: &Tensor| nn::backward(term)?.get(&vae.pseudo_inputs);
    let gradient_of_kl = gradient(&terms.kl)?.unwrap();
    assert!(harness::numbers(&gradient_of_kl.flatten_from(1)?.abs()?.sum(1)?).iter().all(|&size| size > 1e-6));
    check::close("of the loss", gradient(&terms.loss)?.unwrap(), &gradient_of_kl, 1e-7)?;
    assert!(gradient(&terms.reconstruction)?.is_none());
    Ok(())
}
