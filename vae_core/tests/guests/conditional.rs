//! A conditional VAE with a learned prior (Sohn, Lee & Yan 2015): what is known of an item goes to every network.
//!
//! ```text
//! log p(x|y) ≥ E_q(z|x,y)[log p(x|z, y)] − KL(q(z|x, y) ‖ p(z|y))
//! ```
use super::harness;
use vae_core::prelude::*;

const CLASSES: usize = 10;
const HIDDEN: usize = 64;
const LATENT: usize = 4;

/// Cheap to clone, since tensors are shared: `given` is a clone that knows y.
#[derive(Clone)]
struct ConditionalVae {
    params: Params,
    encoder: Stack,
    decoder: Stack,
    prior: Stack,
    /// The labels as rows of the identity, (B, 10), or one row for all.
    y: Option<Tensor>,
}

impl ConditionalVae {
    fn new(device: &Device, seed: u64) -> Result<Self> {
        let (mut params, mut random) = (Params::new(), Random::new(seed));
        let mut linear = |name, inputs, outputs| Linear::new(&mut params, name, inputs, outputs, &mut random, device);
        let encoder = Stack::new()
            .push(linear("encoder.fc1", 784 + CLASSES, HIDDEN)?, Activation::Relu)
            .heads(linear("encoder.fc_mu", HIDDEN, LATENT)?, linear("encoder.fc_logvar", HIDDEN, LATENT)?);
        let decoder = Stack::new()
            .push(linear("decoder.fc1", LATENT + CLASSES, HIDDEN)?, Activation::Relu)
            .push(linear("decoder.fc2", HIDDEN, 784)?, None)
            .push(Layer::Unflatten(1, 28, 28), None);
        let prior =
            Stack::new().heads(linear("prior.fc_mu", CLASSES, LATENT)?, linear("prior.fc_logvar", CLASSES, LATENT)?);
        Ok(Self { params, encoder, decoder, prior, y: None })
    }

    fn y(&self, rows: usize) -> Result<Tensor> {
        let missing = "expected what p(x|y) is given: call vae.given(&labels)? first";
        let y = self.y.as_ref().ok_or_else(|| Error::Argument(missing.into()))?;
        Ok(y.broadcast_as((rows, CLASSES))?)
    }

    /// (B, …) → (B, … + 10): each row with its label beside it.
    fn with_y(&self, x: &Tensor) -> Result<Tensor> {
        Ok(Tensor::cat(&[x.flatten_from(1)?, self.y(x.dims()[0])?], 1)?)
    }
}

impl Vae for ConditionalVae {
    fn given(&self, y: &Tensor) -> Result<Box<dyn Vae + '_>> {
        if self.y.is_some() {
            return Ok(Box::new(self));
        }
        let one_hot = Tensor::eye(CLASSES, DType::F32, self.device())?.index_select(y, 0)?;
        Ok(Box::new(Self { y: Some(one_hot), ..self.clone() }))
    }

    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(self.encoder.gaussian(&self.with_y(x)?)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Bernoulli::new(self.decoder.forward(&self.with_y(z)?)?)?))
    }

    fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(self.prior.gaussian(&self.y(n)?)?))
    }

    fn latent(&self) -> usize {
        LATENT
    }

    fn shape(&self) -> Shape {
        (1, 28, 28).into()
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// An objective that knows of no labels trains a model that uses them: sevens are likelier as sevens, and one code becomes a
/// picture of each class.
#[test]
fn learns_from_labels() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(2048);
    let vae = || ConditionalVae::new(&Device::Cpu, 1).unwrap();
    let settings = |trainer: Trainer| trainer.learning_rate(5e-3).validation(64);
    let (vae, history) = harness::trains_and_resumes(vae, Elbo::default, &digits, settings);
    let [first, last] = [0, 3].map(|epoch| history.epochs[epoch].validation.as_ref().unwrap().elbo);
    assert!(last > first + 10.0, "{first} {last}");

    let sevens = digits.of_class(7);
    let bound = |vae: &dyn Vae| Ok::<f64, Error>(scores(vae, &sevens, Score::NegativeElbo, 10, 1)?.iter().sum());
    let given = |label: u32| bound(&vae.given(&Tensor::new(&[label], &Device::Cpu)?)?);
    assert_eq!(given(7)?, bound(&vae)?); // the labels of the images
    for other in [0, 1, 2, 3, 4, 5, 6, 8, 9] {
        assert!(given(7)? < given(other)?, "sevens are likelier as {other}");
    }

    let labels = Tensor::arange(0u32, CLASSES as u32, &Device::Cpu)?;
    let z = Tensor::zeros((CLASSES, LATENT), DType::F32, &Device::Cpu)?;
    let pictures = vae.given(&labels)?.decode(&z)?.mean()?;
    for class in 0..CLASSES {
        let far = pictures.broadcast_sub(&digits.of_class(class as u32).mean_image()?)?.sqr()?;
        let far = far.sum((1, 2, 3))?.to_vec1::<f32>()?;
        assert!(far[class] < 0.9 * far.iter().sum::<f32>() / 10.0, "{class}: {far:?}");
    }
    Ok(())
}

/// The divergence from the learned prior is in closed form, and what the log-densities say.
#[test]
fn divergence_from_the_learned_prior() -> Result<()> {
    let (vae, batch) = (ConditionalVae::new(&Device::Cpu, 2)?, data::digits(&Device::Cpu)?.train.batch(&[0, 1, 2])?);
    let vae = vae.given(&batch.y.unwrap())?;
    harness::closed_form(&vae.encode(&batch.x)?, &vae.prior(3)?)
}

/// A model that was not given anything says what to call; one that was given something keeps it.
#[test]
fn what_is_given() -> Result<()> {
    let (vae, z) = (ConditionalVae::new(&Device::Cpu, 2)?, Tensor::zeros((1, LATENT), DType::F32, &Device::Cpu)?);
    let error = vae.decode(&z).err().unwrap().to_string();
    assert_eq!(error, "expected what p(x|y) is given: call vae.given(&labels)? first");
    let [three, eight] = [3u32, 8].map(|label| Tensor::new(&[label], &Device::Cpu).unwrap());
    let (once, other) = (vae.given(&three)?, vae.given(&eight)?);
    let picture = |vae: &dyn Vae| vae.decode(&z)?.mean()?.flatten_all()?.to_vec1::<f32>();
    assert!(picture(&once)? == picture(&once.given(&eight)?)? && picture(&once)? != picture(&other)?);
    Ok(())
}
