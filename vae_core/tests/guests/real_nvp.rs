//! A RealNVP prior (Dinh, Sohl-Dickstein & Bengio 2017): a code is a standard normal u, bent by layers that can be undone.
//!
//! ```text
//! coupling   z = (a, b) → ((b − μ(a)) / σ(a), a)          ln |det| = −Σ ln σ(a)
//! ln p(z) = ln N(u; 0, I) + Σ ln |det|                    u = all couplings of z, one after the other
//! ```
//! The posterior stays Gaussian; the KL to this prior is estimated at the draw.
use super::harness;
use vae_core::prelude::*;

/// p(z), codes of even width; each coupling is a Gaussian of one half given the other.
struct RealNvp {
    base: DiagonalGaussian,
    couplings: Vec<Stack>,
}

impl RealNvp {
    /// z → u with ln |det du/dz|: (B, D) → (B, D) and (B,).
    fn forward(&self, z: &Tensor) -> Result<(Tensor, Tensor)> {
        let (mut u, mut log_det) = (z.clone(), z.zeros_like()?.sum(1)?);
        for coupling in &self.couplings {
            let [a, b] = halves(&u)?;
            let given = coupling.gaussian(&a)?;
            u = Tensor::cat(&[((b - given.mu())? / given.std()?)?, a], 1)?;
            log_det = (log_det - (given.log_var().sum(1)? * 0.5)?)?;
        }
        Ok((u, log_det))
    }

    /// u → z: (B, D) → (B, D).
    fn inverse(&self, u: &Tensor) -> Result<Tensor> {
        self.couplings.iter().rev().try_fold(u.clone(), |z, coupling| {
            let [b, a] = halves(&z)?;
            let b = coupling.gaussian(&a)?.rsample_with(&b)?; // μ(a) + σ(a) ⊙ b
            Ok(Tensor::cat(&[a, b], 1)?)
        })
    }
}

fn halves(z: &Tensor) -> Result<[Tensor; 2]> {
    let half = z.dims2()?.1 / 2;
    Ok([z.narrow(1, 0, half)?.contiguous()?, z.narrow(1, half, half)?.contiguous()?])
}

impl Distribution for RealNvp {
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        self.inverse(&self.base.sample(random)?)
    }

    fn log_prob(&self, z: &Tensor) -> Result<Tensor> {
        let (u, log_det) = self.forward(z)?;
        Ok((self.base.log_prob(&u)? + log_det)?)
    }

    /// Where u = 0.
    fn mean(&self) -> Result<Tensor> {
        self.inverse(self.base.mu())
    }
}

/// An [`MlpVae`] with another prior: its parameters and more.
struct FlowVae {
    vae: MlpVae,
    params: Params,
    couplings: Vec<Stack>,
}

impl FlowVae {
    fn new(vae: MlpVae, depth: usize, seed: u64) -> Result<Self> {
        let (mut params, mut random, half) = (vae.params().clone(), Random::new(seed), vae.latent() / 2);
        let mut linear = |name: String, inputs, outputs| {
            Linear::new(&mut params, &format!("prior.{name}"), inputs, outputs, &mut random, vae.device())
        };
        let coupling = |i| {
            let hidden = linear(format!("{i}.fc1"), half, 32)?;
            let (mu, log_var) = (linear(format!("{i}.fc_mu"), 32, half)?, linear(format!("{i}.fc_logvar"), 32, half)?);
            Ok(Stack::new().push(hidden, Activation::Tanh).heads(mu, log_var))
        };
        let couplings = (0..depth).map(coupling).collect::<Result<_>>()?;
        Ok(Self { vae, params, couplings })
    }
}

impl Vae for FlowVae {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(self.vae.encode(x)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        self.vae.decode(z)
    }

    fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
        let base = DiagonalGaussian::standard((n, self.latent()), DType::F32, self.device())?;
        Ok(Box::new(RealNvp { base, couplings: self.couplings.clone() }))
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

fn flow(latent: usize) -> FlowVae {
    let config = MlpVaeConfig { hidden: vec![64], latent, ..Default::default() };
    FlowVae::new(MlpVae::new(config, &Device::Cpu, 1).unwrap(), 4, 2).unwrap()
}

/// The integral of p(z) over [−30, 30]², by a sum on a grid.
fn integral(vae: &FlowVae) -> Result<f64> {
    let (p, x) = (vae.prior(600)?, (Tensor::arange(-300f32, 300.0, &Device::Cpu)?.reshape((600, 1))? * 0.1)?);
    let line = |i| p.log_prob(&Tensor::cat(&[&x, &x.narrow(0, i, 1)?.repeat((600, 1))?], 1)?)?.exp()?.sum_all();
    let sums = (0..600).map(|i| Ok(line(i)?.to_scalar::<f32>()? as f64)).collect::<Result<Vec<_>>>()?;
    Ok(sums.iter().sum::<f64>() * 0.01)
}

/// Training bends the prior towards the codes: they are likelier than under N(0, I), and p(z) is a density before and after.
#[test]
fn learns_the_prior() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(512);
    let settings = |trainer: Trainer| trainer.learning_rate(5e-3);
    let (vae, history) = harness::trains_and_resumes(|| flow(2), Elbo::default, &digits, settings);
    assert!(history.epochs[3].train.elbo > history.epochs[0].train.elbo + 10.0);
    for vae in [&flow(2), &vae] {
        assert!((integral(vae)? - 1.0).abs() < 1e-3, "{}", integral(vae)?);
    }
    let z = vae.encode(&digits.tensor()?)?.sample(&mut Random::new(1))?;
    let mean = |p: &dyn Distribution| p.log_prob(&z)?.mean_all()?.to_scalar::<f32>();
    let (own, standard) = (mean(&vae.prior(512)?)?, mean(&DiagonalGaussian::standard_like(&z)?)?);
    assert!(own > standard + 1.0, "{own} {standard}");
    Ok(())
}

/// The way back leads back, and the log-determinant is that of the Jacobian that backpropagation finds.
#[test]
fn couplings_can_be_undone() -> Result<()> {
    let (vae, mut random) = (flow(4), Random::new(3));
    let z = Var::from_tensor(&(random.normal((6, 4), &Device::Cpu)? * 2.0)?)?;
    let p = vae.prior(6)?;
    let p: &RealNvp = p.downcast()?;
    let (u, log_det) = p.forward(&z)?;
    let error = (p.inverse(&u)? - z.as_tensor())?.abs()?.max_all()?.to_scalar::<f32>()?;
    assert!(error < 1e-5, "{error}");

    let row = |i| u.narrow(1, i, 1)?.sum_all()?.backward()?.get(&z).unwrap().to_dtype(DType::F64);
    let jacobians = Tensor::stack(&[row(0)?, row(1)?, row(2)?, row(3)?], 1)?.to_vec3::<f64>()?;
    for (jacobian, log_det) in jacobians.into_iter().zip(log_det.to_vec1::<f32>()?) {
        let found = log_determinant(jacobian);
        assert!((found - log_det as f64).abs() < 1e-4, "{found} {log_det}");
    }
    Ok(())
}

/// ln |det A| by elimination.
fn log_determinant(mut a: Vec<Vec<f64>>) -> f64 {
    for i in 0..a.len() {
        for j in i + 1..a.len() {
            let factor = a[j][i] / a[i][i];
            (i..a.len()).for_each(|k| a[j][k] -= factor * a[i][k]);
        }
    }
    (0..a.len()).map(|i| a[i][i].abs().ln()).sum()
}
