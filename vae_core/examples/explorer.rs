//! Trains small models of each kind and writes their explorers as pages of their own, each with codes and what the crate makes of them.
//!
//! ```text
//! cargo run --release -p vae_core --example explorer -- --data mnist --epochs 10 --out runs/explorers
//! ```
//! | page | model | what is beside the plane |
//! |---|---|---|
//! | `mlp.html` | 784–64–2 | the encoder, and so the drawing pad |
//! | `conv.html` | convolutions of 8 and 16 channels, six latent dimensions | sliders, a choice of axes |
//! | `large.html` | the default `ConvVae`, 64 latent dimensions, its decoder only | |
//! | `conditional.html` | 784–64–2, both halves told the label | the same code under every label |
//! | `beta.html` | 784–64–2 with β = 0.1, 1, 10 and 100 | a slider over β |
//! | `tanh.html` … `elu.html` | 784–32–1, continuous Bernoulli or Gaussian pixels | |
//!
//! `expected.json` has for each page codes with the pixels that `decode` makes of them, and an image with its posterior: what the page has to agree
//! with. `tests/test_explorer.py` asks it, in a browser.

#[path = "shared/mod.rs"]
mod shared;

use std::path::{Path, PathBuf};

use clap::Parser;
use vae_core::{
    prelude::*,
    serde_json::{Map, Value, json},
    viz::Explorer,
};

const SEED: u64 = 42;
/// Codes to compare for each page.
const CODES: usize = 3;

/// Train small models and write their explorers.
#[derive(Parser)]
struct Arguments {
    /// digits, which the crate draws, or mnist.
    #[arg(long, default_value = "digits")]
    data: String,
    /// How many training images.
    #[arg(long, default_value_t = 60_000)]
    images: usize,
    /// How often each is seen.
    #[arg(long, default_value_t = 5)]
    epochs: usize,
    /// The width of the hidden layer of `mlp`, `conditional` and `beta`.
    #[arg(long, default_value_t = 64)]
    hidden: usize,
    /// The title of all pages.
    #[arg(long, default_value = "Digits in a latent space")]
    title: String,
    /// The names of the classes, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "0,1,2,3,4,5,6,7,8,9")]
    names: Vec<String>,
    /// Only these pages, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The folder for the pages.
    #[arg(long)]
    out: PathBuf,
}

/// What all pages share, and what they are compared with.
struct Pages {
    arguments: Arguments,
    train: Images,
    test: Images,
    expected: Map<String, Value>,
}

fn main() -> std::process::ExitCode {
    shared::ended(run(Arguments::parse()))
}

fn run(arguments: Arguments) -> Result<()> {
    let device = Device::Cpu;
    let set = match arguments.data.as_str() {
        "mnist" => data::mnist(&device)?,
        "digits" => data::digits(&device)?,
        other => return Err(Error::Argument(format!("expected digits or mnist for --data, got {other:?}"))),
    };
    std::fs::create_dir_all(&arguments.out).map_err(|source| Error::Io { path: arguments.out.clone(), source })?;
    let train = set.train.take(arguments.images);
    let mut pages = Pages { arguments, train, test: set.test.take(600), expected: Map::new() };

    let flat = MlpVaeConfig { hidden: vec![pages.arguments.hidden], latent: 2, ..Default::default() };
    pages.page("mlp", || MlpVae::new(flat.clone(), &device, SEED), true)?;
    let small = ConvVaeConfig::mirrored((1, 28, 28), &[(8, 2), (16, 2)], 6)?;
    pages.page("conv", || ConvVae::new(small, &device, SEED), true)?;
    pages.page("large", || ConvVae::new(ConvVaeConfig::default(), &device, SEED), false)?;
    let told = ConditionalVaeConfig { network: flat.clone().into(), ..Default::default() };
    pages.page("conditional", || ConditionalVae::new(told, &device, SEED), true)?;
    let kinds = [
        ("tanh", Activation::Tanh, Observation::ContinuousBernoulli),
        ("gelu", Activation::Gelu, Observation::Gaussian { variance: 0.05 }),
        ("silu", Activation::Silu, Observation::GaussianLearned),
        ("elu", Activation::Elu(1.0), Observation::Bernoulli),
    ];
    for (name, activation, observation) in kinds {
        let config = MlpVaeConfig { hidden: vec![32], latent: 1, activation, observation, ..Default::default() };
        pages.page(name, || MlpVae::new(config, &device, SEED), true)?;
    }
    pages.sweep(&flat, &[0.1, 1.0, 10.0, 100.0], &device)?;

    let text = Value::from(pages.expected).to_string();
    shared::write(&pages.arguments.out.join("expected.json"), &text)
}

impl Pages {
    /// Whether that page is asked for.
    fn wants(&self, name: &str) -> bool {
        self.arguments.only.is_empty() || self.arguments.only.iter().any(|only| only == name)
    }

    fn trained<V: Vae>(&self, mut vae: V, beta: f64) -> Result<V> {
        let trainer = Trainer::new(Elbo { beta, ..Default::default() }).epochs(self.arguments.epochs).seed(SEED);
        trainer.quiet().fit(&mut vae, &self.train)?;
        Ok(vae)
    }

    /// Trains a model and writes its page.
    fn page<V: Vae>(&mut self, name: &str, vae: impl FnOnce() -> Result<V>, encoder: bool) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        let vae = self.trained(vae()?, 1.0)?;
        let builder = viz::explorer(&vae).points(&self.test).class_names(&self.arguments.names);
        let builder = if encoder { builder } else { builder.without_encoder() };
        let explorer = builder.title(&self.arguments.title).build()?;
        self.write(name, &explorer, &[&vae])
    }

    /// Trains a model for each β and writes one page for all.
    fn sweep(&mut self, config: &MlpVaeConfig, betas: &[f64], device: &Device) -> Result<()> {
        if !self.wants("beta") {
            return Ok(());
        }
        let train = |beta: &f64| self.trained(MlpVae::new(config.clone(), device, SEED)?, *beta);
        let models = betas.iter().map(train).collect::<Result<Vec<_>>>()?;
        let explorer = viz::explorer_over("β", betas.iter().zip(&models))
            .points(&self.test)
            .class_names(&self.arguments.names)
            .title(&self.arguments.title)
            .build()?;
        let models: Vec<&dyn Vae> = models.iter().map(|vae| vae as &dyn Vae).collect();
        self.write("beta", &explorer, &models)
    }

    fn write(&mut self, name: &str, explorer: &Explorer, models: &[&dyn Vae]) -> Result<()> {
        let path: &Path = &self.arguments.out.join(name).with_extension("html");
        explorer.save(path)?;
        let facts = models.iter().enumerate().map(|(i, vae)| facts(i, *vae, &self.test)).collect::<Result<Vec<_>>>()?;
        self.expected.insert(name.into(), facts.concat().into());
        println!("{}", path.display());
        Ok(())
    }
}

/// Codes with their pictures, and a test image with its posterior: of model `i` of a page.
fn facts(i: usize, vae: &dyn Vae, test: &Images) -> Result<Vec<Value>> {
    let list = |x: &Tensor| -> Result<Vec<f32>> { Ok(x.flatten_all()?.to_vec1()?) };
    let codes = Random::new(i as u64).normal((CODES, vae.latent()), vae.device())?;
    let fact = |k: usize| {
        let label = (3 * k) as u32;
        let view = vae.given(&Tensor::new(&[label], vae.device())?)?;
        let (z, x) = (codes.narrow(0, k, 1)?, test.batch(&[k])?.x);
        let q = view.encode(&x)?;
        let q = q.downcast::<DiagonalGaussian>()?;
        Ok(json!({
            "model": i, "label": label, "z": list(&z)?, "pixels": list(&view.decode(&z)?.mean()?)?,
            "x": list(&x)?, "mu": list(q.mu())?, "sigma": list(&q.std()?)?
        }))
    };
    (0..CODES).map(fact).collect()
}
