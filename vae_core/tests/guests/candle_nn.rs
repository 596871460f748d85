//! A model of candle-nn's own layers: p(x|z) = ∏ Bernoulli(x_i; σ(f_i(z))), q(z|x) = N(μ(x), σ²(x)), with networks built by a
//! `VarBuilder`, seeded initial weights, and a kind that is registered, so that files and detectors know it.

use super::harness;
use vae_core::{
    candle_nn::{Activation, Linear, Module, Sequential, VarBuilder, VarMap, layer_norm, linear, seq},
    models::{self, describe},
    nn::{self, var_builder},
    prelude::*,
    serde_json::Value,
};

const KIND: &str = "candle";

struct CandleVae {
    params: Params,
    encoder: Sequential,
    heads: (Linear, Linear),
    decoder: Sequential,
    latent: usize,
}

impl CandleVae {
    fn new(latent: usize, device: &Device, seed: u64) -> Result<Self> {
        let map = VarMap::new();
        let vb = var_builder(&map, Random::new(seed), device);
        let hidden = |vb: VarBuilder, inputs| -> Result<Sequential> {
            let layers = seq().add(linear(inputs, 32, vb.pp("fc1"))?).add(layer_norm(32, 1e-5, vb.pp("norm"))?);
            Ok(layers.add(Activation::Silu))
        };
        let encoder = hidden(vb.pp("encoder"), 784)?;
        let heads = (linear(32, latent, vb.pp("encoder.fc_mu"))?, linear(32, latent, vb.pp("encoder.fc_logvar"))?);
        let decoder = hidden(vb.pp("decoder"), latent)?.add(linear(32, 784, vb.pp("decoder.fc2"))?);
        Ok(Self { params: Params::from_varmap(&map), encoder, heads, decoder, latent })
    }
}

impl Vae for CandleVae {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        let h = self.encoder.forward(&x.flatten_from(1)?)?;
        Ok(Box::new(DiagonalGaussian::new(self.heads.0.forward(&h)?, self.heads.1.forward(&h)?)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Bernoulli::new(self.decoder.forward(z)?.reshape(((), 1, 28, 28))?)?))
    }

    fn latent(&self) -> usize {
        self.latent
    }

    fn shape(&self) -> Shape {
        (1, 28, 28).into()
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn config(&self) -> Value {
        describe(KIND, &self.latent)
    }
}

/// What `models::open` and detectors make a model with, before they set its weights.
fn constructor(config: &Value, device: &Device) -> Result<Box<dyn Vae>> {
    let latent =
        config.as_u64().ok_or_else(|| Error::Argument(format!("expected the width of a code, got {config}")))?;
    Ok(Box::new(CandleVae::new(latent as usize, device, 0)?))
}

fn new(seed: u64) -> CandleVae {
    CandleVae::new(4, &Device::Cpu, seed).unwrap()
}

/// Every parameter by name, as bits.
fn bits(vae: &dyn Vae) -> Vec<(String, Vec<u32>)> {
    let bits = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().map(|x| x.to_bits()).collect();
    vae.params().iter().map(|(name, var)| (name.to_string(), bits(var))).collect()
}

/// Trained, it learns; and it is trained again to the same bits, which takes weights that begin the same.
#[test]
fn learns() {
    let digits = data::digits(&Device::Cpu).unwrap().train.take(256);
    let (_, history) = harness::trains_and_resumes(|| new(1), Elbo::default, &digits, |t| t.learning_rate(5e-3));
    assert!(history.epochs[3].train.elbo > history.epochs[0].train.elbo + 50.0);
}

/// The same seed gives the same bits and another seed others, but for the constants of the norms.
#[test]
fn weights_come_from_the_seed() {
    let (first, again, other) = (bits(&new(1)), bits(&new(1)), bits(&new(2)));
    assert_eq!(first, again);
    for ((name, a), (_, b)) in first.iter().zip(&other) {
        assert!((a == b) == name.contains("norm"), "{name}");
    }
}

/// A layer of candle-nn computes what this crate's `Linear` does with the same weights.
#[test]
fn layers_agree_with_this_crates() {
    let (map, x) = (VarMap::new(), Random::new(3).normal((5, 7), &Device::Cpu).unwrap());
    let theirs = linear(7, 3, var_builder(&map, Random::new(1), &Device::Cpu).pp("fc")).unwrap();
    let mut params = Params::new();
    let ours = nn::Linear::new(&mut params, "fc", 7, 3, &mut Random::new(2), &Device::Cpu).unwrap();
    params.restore(&Params::from_varmap(&map).snapshot().unwrap()).unwrap();
    check::close("x Wᵀ + b", ours.forward(&x).unwrap(), theirs.forward(&x).unwrap(), 1e-6).unwrap();
}

/// Files and detectors know the model once it is registered; before that, the error says what to do.
#[test]
fn registered_models_live_in_files() {
    let (folder, digits) = (tempfile::tempdir().unwrap(), data::digits(&Device::Cpu).unwrap().train.take(200));
    let [model, detector] = ["model", "detector"].map(|name| folder.path().join(name));
    let (vae, config) = (new(1), DetectorConfig { false_positive_rate: 0.1, ..Default::default() });
    vae.save(&model).unwrap();
    let opened = || models::open(&model, &Device::Cpu);
    let errors = [opened().err().unwrap(), Detector::fit(&vae, &digits, config).err().unwrap()];
    for error in errors.map(|error| error.to_string()) {
        assert!(error.contains("got \"candle\"; call models::register(\"candle\", …) first"), "{error}");
    }

    assert!(models::register("mlp", constructor).is_err(), "a kind of the crate's own was replaced");
    models::register(KIND, constructor).unwrap();
    assert_eq!(bits(opened().unwrap().as_ref()), bits(&vae));
    let fitted = Detector::fit(&vae, &digits, config).unwrap();
    fitted.save(&detector).unwrap();
    let loaded = Detector::load(&detector, &Device::Cpu).unwrap();
    assert_eq!(fitted.scores(&digits).unwrap(), loaded.scores(&digits).unwrap());
    assert_eq!(bits(loaded.vae()), bits(&vae));
}
