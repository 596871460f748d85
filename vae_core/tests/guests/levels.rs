//! Two latent levels, inferred from the top down (Sønderby et al. 2016).
//!
//! ```text
//! q(z|x) = q(z₂|x) q(z₁|x, z₂)          p(z) = p(z₂) p(z₁|z₂)          p(x|z) = p(x|z₁)
//! KL(q(z|x) ‖ p(z)) = KL(q(z₂|x) ‖ p(z₂)) + E_q(z₂|x)[KL(q(z₁|x, z₂) ‖ p(z₁|z₂))]
//! ```
//! Each level's divergence is in closed form; the expectation is estimated at the draw of z₂.
use super::harness;
use vae_core::prelude::*;

const TOP: usize = 2;
const BELOW: usize = 6;
const HIDDEN: usize = 64;

/// A Gaussian for each value of another variable.
type Conditional = Box<dyn Fn(&Tensor) -> Result<DiagonalGaussian>>;

/// A Gaussian z₂ and, for each of its values, a Gaussian z₁: q(z|x) and p(z) alike. A code is z₂ and z₁ side by side.
struct Levels {
    top: DiagonalGaussian,
    below: Conditional,
}

impl Levels {
    /// A code taken apart: z₂ and z₁.
    fn split(&self, z: &Tensor) -> Result<(Tensor, Tensor)> {
        let top = self.top.mu().dims()[1];
        let below = z.dims2()?.1.saturating_sub(top);
        Ok((z.narrow(1, 0, top)?, z.narrow(1, top, below)?))
    }
}

impl Distribution for Levels {
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        let z2 = self.top.sample(random)?;
        Ok(Tensor::cat(&[&z2, &(self.below)(&z2)?.sample(random)?], 1)?)
    }

    fn log_prob(&self, z: &Tensor) -> Result<Tensor> {
        let (z2, z1) = self.split(z)?;
        Ok((self.top.log_prob(&z2)? + (self.below)(&z2)?.log_prob(&z1)?)?)
    }

    /// The mean of z₂, and that of z₁ there.
    fn mean(&self) -> Result<Tensor> {
        let z2 = self.top.mean()?;
        Ok(Tensor::cat(&[&z2, (self.below)(&z2)?.mu()], 1)?)
    }

    fn kl(&self, p: &dyn Distribution, z: &Tensor) -> Result<Tensor> {
        let Ok(p) = p.downcast::<Self>() else { return Ok((self.log_prob(z)? - p.log_prob(z)?)?) };
        let (z2, z1) = self.split(z)?;
        Ok((self.top.kl(&p.top, &z2)? + (self.below)(&z2)?.kl(&(p.below)(&z2)?, &z1)?)?)
    }
}

struct TwoLevels {
    params: Params,
    q2: Stack,
    q1: Stack,
    p1: Stack,
    decoder: Stack,
}

impl TwoLevels {
    fn new(device: &Device, seed: u64) -> Result<Self> {
        let (mut params, mut random) = (Params::new(), Random::new(seed));
        let mut linear =
            |name: &str, inputs, outputs| Linear::new(&mut params, name, inputs, outputs, &mut random, device);
        let mut gaussian = |name: &str, inputs, outputs| {
            let stack = Stack::new().push(linear(&format!("{name}.fc1"), inputs, HIDDEN)?, Activation::Relu);
            let mu = linear(&format!("{name}.fc_mu"), HIDDEN, outputs)?;
            Ok::<_, Error>(stack.heads(mu, linear(&format!("{name}.fc_logvar"), HIDDEN, outputs)?))
        };
        let (q2, q1, p1) = (gaussian("q2", 784, TOP)?, gaussian("q1", 784 + TOP, BELOW)?, gaussian("p1", TOP, BELOW)?);
        let decoder = Stack::new()
            .push(linear("decoder.fc1", BELOW, HIDDEN)?, Activation::Relu)
            .push(linear("decoder.fc2", HIDDEN, 784)?, None)
            .push(Layer::Unflatten(1, 28, 28), None);
        Ok(Self { params, q2, q1, p1, decoder })
    }
}

impl Vae for TwoLevels {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        let (x, q1) = (x.flatten_from(1)?, self.q1.clone());
        let top = self.q2.gaussian(&x)?;
        let below = move |z2: &Tensor| q1.gaussian(&Tensor::cat(&[&x, z2], 1)?);
        Ok(Box::new(Levels { top, below: Box::new(below) }))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Bernoulli::new(self.decoder.forward(&z.narrow(1, TOP, BELOW)?)?)?))
    }

    fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
        let p1 = self.p1.clone();
        let top = DiagonalGaussian::standard((n, TOP), DType::F32, self.device())?;
        Ok(Box::new(Levels { top, below: Box::new(move |z2| p1.gaussian(z2)) }))
    }

    fn latent(&self) -> usize {
        TOP + BELOW
    }

    fn shape(&self) -> Shape {
        (1, 28, 28).into()
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// Training raises the bound on held-out digits; a tighter bound, from many draws, is nearer to log p(x).
#[test]
fn learns() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(2048);
    let vae = || TwoLevels::new(&Device::Cpu, 1).unwrap();
    let settings = |trainer: Trainer| trainer.learning_rate(3e-3).validation(64);
    let (vae, history) = harness::trains_and_resumes(vae, Elbo::default, &digits, settings);
    let [first, last] = [0, 3].map(|epoch| history.epochs[epoch].validation.as_ref().unwrap().elbo);
    assert!(last > first + 10.0, "{first} {last}");
    let sum = |score| Ok::<f64, Error>(scores(&vae, &digits.take(64), score, 50, 1)?.iter().sum());
    assert!(sum(Score::NegativeLogLikelihood)? < sum(Score::NegativeElbo)?);
    Ok(())
}

/// The divergence level by level is what the log-densities say, also where the levels hang together.
#[test]
fn divergence_level_by_level() -> Result<()> {
    let (vae, x) = (TwoLevels::new(&Device::Cpu, 2)?, data::digits(&Device::Cpu)?.train.batch(&[0, 1, 2])?.x);
    harness::closed_form(&vae.encode(&x)?, &vae.prior(3)?)
}

/// The log-density of a pair is the sum of those of its levels.
#[test]
fn log_density_of_a_pair() -> Result<()> {
    let vae = TwoLevels::new(&Device::Cpu, 2)?;
    let z = vae.prior(5)?.sample(&mut Random::new(1))?;
    let (z2, z1) = (z.narrow(1, 0, TOP)?.contiguous()?, z.narrow(1, TOP, BELOW)?.contiguous()?);
    let sum = (DiagonalGaussian::standard_like(&z2)?.log_prob(&z2)? + vae.p1.gaussian(&z2)?.log_prob(&z1)?)?;
    assert_eq!(vae.prior(5)?.log_prob(&z)?.to_vec1::<f32>()?, sum.to_vec1::<f32>()?);
    Ok(())
}
