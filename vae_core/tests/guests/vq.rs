//! A VQ-VAE (van den Oord, Vinyals & Kavukcuoglu 2017): a code is n vectors of a codebook that has K of them.
//!
//! ```text
//! q(z|x)  a point: for each of n places the vector e_k nearest to the encoder's, k = argmin_j ‖z_e − e_j‖
//! p(z)    uniform over the Kⁿ codes, so that KL(q ‖ p) = n ln K
//! loss    −ln p(x|z) + n ln K + ‖sg[z_e] − e‖² + β ‖z_e − sg[e]‖²          sg: without a gradient
//! ```
//! The decoder's gradient goes straight through to z_e, as if z were z_e.
use super::harness;
use vae_core::{prelude::*, serde_json};

const PLACES: usize = 8;
const K: usize = 16;
const WIDTH: usize = 4;

/// The number of the vector nearest to each place, of a codebook (K, D): (B, n·D) → (B, n).
fn nearest(codebook: &Tensor, z: &Tensor) -> Result<Tensor> {
    let (codebook, places) = (codebook.detach(), z.detach().reshape(((), WIDTH))?);
    // ‖z − e‖² but for ‖z‖², which is the same for every e.
    let distance = codebook.sqr()?.sum(1)?.broadcast_sub(&(places.matmul(&codebook.t()?)? * 2.0)?)?;
    Ok(distance.argmin(1)?.reshape((z.dims()[0], PLACES))?)
}

/// The vectors of these numbers side by side: (B, n) → (B, n·D).
fn vectors(codebook: &Tensor, codes: &Tensor) -> Result<Tensor> {
    Ok(codebook.index_select(&codes.flatten_all()?, 0)?.reshape((codes.dims()[0], PLACES * WIDTH))?)
}

/// exp of the entropy of the codes (B, n) of a batch: K where all are used alike, 1 where only one is.
fn perplexity(codes: &Tensor) -> Result<Tensor> {
    let one_hot = Tensor::eye(K, DType::F32, codes.device())?.index_select(&codes.flatten_all()?, 0)?;
    let p = one_hot.mean(0)?;
    Ok((&p * p.maximum(1e-30)?.log()?)?.sum_all()?.neg()?.exp()?)
}

/// q(z|x): a point that knows its codes, (B, n), their vectors e and the encoder's z_e, both (B, n·D).
struct Codes {
    codebook: Tensor,
    codes: Tensor,
    e: Tensor,
    z_e: Tensor,
}

impl Codes {
    fn new(codebook: Tensor, z_e: Tensor) -> Result<Self> {
        let codes = nearest(&codebook, &z_e)?;
        Ok(Self { e: vectors(&codebook, &codes)?, codes, z_e, codebook })
    }
}

impl Distribution for Codes {
    fn sample(&self, _random: &mut Random) -> Result<Tensor> {
        self.mean()
    }

    /// 0 where z stands for these codes, otherwise −∞.
    fn log_prob(&self, z: &Tensor) -> Result<Tensor> {
        Ok(nearest(&self.codebook, z)?.eq(&self.codes)?.to_dtype(DType::F32)?.min(1)?.log()?)
    }

    fn mean(&self) -> Result<Tensor> {
        Ok((&self.z_e + (&self.e - &self.z_e)?.detach())?)
    }
}

/// p(z): any vector of the codebook in each place, for so many rows.
struct Uniform(Tensor, usize);

impl Distribution for Uniform {
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        let codes = (random.uniform((self.1, PLACES), self.0.device())? * K as f64)?;
        vectors(&self.0, &codes.to_dtype(DType::U32)?)
    }

    fn log_prob(&self, z: &Tensor) -> Result<Tensor> {
        Ok(Tensor::full(-(PLACES as f32) * (K as f32).ln(), z.dims()[0], z.device())?)
    }

    fn mean(&self) -> Result<Tensor> {
        Ok(self.0.mean_keepdim(0)?.repeat((self.1, PLACES))?)
    }
}

struct VqVae {
    params: Params,
    encoder: Stack,
    decoder: Stack,
    codebook: Tensor,
}

impl VqVae {
    fn new(device: &Device, seed: u64) -> Result<Self> {
        let (mut params, mut random) = (Params::new(), Random::new(seed));
        let codebook = params.register("codebook", Var::from_tensor(&random.normal((K, WIDTH), device)?)?)?;
        let mut linear = |name, inputs, outputs| Linear::new(&mut params, name, inputs, outputs, &mut random, device);
        let encoder = Stack::new()
            .push(Layer::Flatten, None)
            .push(linear("encoder.fc1", 784, 64)?, Activation::Relu)
            .push(linear("encoder.fc2", 64, PLACES * WIDTH)?, None);
        let decoder = Stack::new()
            .push(linear("decoder.fc1", PLACES * WIDTH, 64)?, Activation::Relu)
            .push(linear("decoder.fc2", 64, 784)?, None)
            .push(Layer::Unflatten(1, 28, 28), None);
        Ok(Self { params, encoder, decoder, codebook })
    }
}

impl Vae for VqVae {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Codes::new(self.codebook.clone(), self.encoder.forward(x)?)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Bernoulli::new(self.decoder.forward(z)?)?))
    }

    fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Uniform(self.codebook.clone(), n)))
    }

    fn latent(&self) -> usize {
        PLACES * WIDTH
    }

    fn shape(&self) -> Shape {
        (1, 28, 28).into()
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// The loss above, with its β.
struct VectorQuantization(f64);

impl Objective for VectorQuantization {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let q = vae.encode(&batch.x)?;
        let z = q.sample(noise)?;
        let Codes { codes, e, z_e, .. } = q.downcast()?;
        let distance = |a: &Tensor, b: &Tensor| (a - b)?.sqr()?.sum(1)?.mean_all();
        let kl = q.kl(&vae.prior(batch.len())?, &z)?;
        Ok(Terms::weighted(&vae.decode(&z)?.log_prob(&batch.x)?, &kl, 1.0)?
            .plus("codebook", 1.0, &distance(&z_e.detach(), e)?)?
            .plus("commitment", self.0, &distance(z_e, &e.detach())?)?
            .metric("perplexity", &perplexity(codes)?))
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "objective": "vector quantization", "commitment": self.0 })
    }
}

/// Training makes pictures likelier and uses many codes; what is drawn differs; a model without codes is refused by name.
#[test]
fn learns_a_codebook() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(1024);
    let (vae, objective) = (|| VqVae::new(&Device::Cpu, 1).unwrap(), || VectorQuantization(0.25));
    let (vae, history) = harness::trains_and_resumes(vae, objective, &digits, |trainer| trainer.learning_rate(5e-3));
    let [first, last] = [0, 3].map(|epoch| &history.epochs[epoch].train);
    assert!(last.reconstruction > first.reconstruction + 20.0 && last.metrics["perplexity"] > 4.0, "{history}");
    let drawn = vae.generate(2, &mut Random::new(1))?.flatten_from(1)?.to_vec2::<f32>()?;
    assert!(drawn[0] != drawn[1]);
    let mut plain = MlpVae::new(MlpVaeConfig::default(), &Device::Cpu, 1)?;
    let error = Trainer::new(objective()).quiet().fit(&mut plain, &digits).unwrap_err().to_string();
    assert_eq!(error, "expected a distribution of type Codes, got DiagonalGaussian");
    Ok(())
}

/// The codes are the nearest vectors, found by looking at each; the KL is n ln K.
#[test]
fn nearest_codes() -> Result<()> {
    let (vae, mut random) = (VqVae::new(&Device::Cpu, 1)?, Random::new(1));
    let z_e = random.normal((50, PLACES * WIDTH), &Device::Cpu)?;
    let q = Codes::new(vae.codebook.clone(), z_e.clone())?;
    let (places, vectors) = (z_e.reshape(((), WIDTH))?.to_vec2::<f32>()?, vae.codebook.to_vec2::<f32>()?);
    for (place, code) in places.iter().zip(q.codes.flatten_all()?.to_vec1::<u32>()?) {
        let far = |k: usize| place.iter().zip(&vectors[k]).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        assert!((0..K).all(|k| far(code as usize) <= far(k)));
    }
    let kl = q.kl(&vae.prior(50)?, &q.sample(&mut random)?)?;
    assert_eq!(kl.to_vec1::<f32>()?, [PLACES as f32 * (K as f32).ln(); 50]);
    Ok(())
}

/// The encoder gets the decoder's gradient at the codes, bit for bit; the codebook gets none of it.
#[test]
fn straight_through() -> Result<()> {
    let (vae, mut random) = (VqVae::new(&Device::Cpu, 1)?, Random::new(1));
    let x = data::digits(&Device::Cpu)?.train.first(3)?;
    let z_e = Var::from_tensor(&random.normal((3, PLACES * WIDTH), &Device::Cpu)?)?;
    let z = Codes::new(vae.codebook.clone(), z_e.as_tensor().clone())?.sample(&mut random)?;
    let leaf = Var::from_tensor(&z.detach())?;
    let gradients = |z: &Tensor| vae.decode(z)?.log_prob(&x)?.sum_all()?.backward();
    let (through, direct) = (gradients(&z)?, gradients(&leaf)?);
    let [a, b] = [through.get(&z_e), direct.get(&leaf)].map(|g| g.unwrap().to_vec2::<f32>().unwrap());
    assert!(a == b && a[0].iter().any(|g| *g != 0.0) && through.get(&vae.codebook).is_none());
    Ok(())
}

/// Codes in equal shares have as much perplexity as there are; shares of ½, ¼ and ¼ have 2^1.5.
#[test]
fn perplexity_of_known_counts() -> Result<()> {
    for (codes, expected) in [([3u32; 4], 1.0), ([0, 5, 6, 7], 4.0), ([1, 1, 2, 4], 2f32.powf(1.5))] {
        let perplexity = perplexity(&Tensor::new(&[codes], &Device::Cpu)?)?.to_scalar::<f32>()?;
        assert!((perplexity - expected).abs() < 1e-5, "{perplexity} {expected}");
    }
    Ok(())
}
