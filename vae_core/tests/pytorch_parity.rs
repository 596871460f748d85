//! The same weights, images and noise as in PyTorch give the same numbers: outputs, loss terms, gradients, and ten steps of
//! Adam. `tests/parity/fixtures.py` wrote what PyTorch 2.13 makes of them; nothing here needs PyTorch.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use vae_core::{candle::safetensors, nn, prelude::*};

const CPU: Device = Device::Cpu;

type Tensors = HashMap<String, Tensor>;

/// Cargo runs tests in the crate's folder.
const FIXTURES: &str = "../tests/parity/fixtures";

/// Any model, so that one test serves all.
enum Model {
    Mlp(MlpVae),
    Conv(ConvVae),
}

impl Model {
    fn vae(&self) -> &dyn Vae {
        match self {
            Self::Mlp(vae) => vae,
            Self::Conv(vae) => vae,
        }
    }

    fn load_pytorch(&mut self, path: &Path) -> Result<()> {
        match self {
            Self::Mlp(vae) => vae.load_pytorch(path),
            Self::Conv(vae) => vae.load_pytorch(path),
        }
    }
}

fn mlp(image: (usize, usize, usize), hidden: &[usize], latent: usize) -> MlpVaeConfig {
    MlpVaeConfig { image, hidden: hidden.to_vec(), latent, ..Default::default() }
}

/// The convolutional tutorial's layers with these four channel numbers.
fn tutorial([a, b, c, d]: [usize; 4], latent: usize) -> ConvVaeConfig {
    let mut config = ConvVaeConfig { latent, ..Default::default() };
    for (layer, (from, to)) in config.encoder.iter_mut().zip([(1, a), (a, b), (b, c), (c, d)]) {
        (layer.in_channels, layer.out_channels) = (from, to);
    }
    for (layer, (from, to)) in config.decoder.iter_mut().zip([(d, b), (b, c), (c, a), (a, 1)]) {
        (layer.in_channels, layer.out_channels) = (from, to);
    }
    config
}

/// Strides, paddings, dilations and output paddings of every kind: 17 → 6 → 2 → 6 → 17 pixels.
fn strided() -> ConvVaeConfig {
    let down =
        |i, o, stride, padding, dilation| Conv2dConfig { stride, padding, dilation, ..Conv2dConfig::new(i, o, 3) };
    let up = |i, o, stride, padding, dilation| ConvTranspose2dConfig {
        stride,
        padding,
        dilation,
        output_padding: 1,
        ..ConvTranspose2dConfig::new(i, o, 3)
    };
    ConvVaeConfig {
        image: (2, 17, 17),
        encoder: vec![down(2, 4, 3, 1, 1), down(4, 5, 4, 2, 2)],
        latent: 3,
        decoder: vec![up(5, 4, 4, 2, 2), up(4, 2, 3, 1, 1)],
        activation: Activation::LeakyRelu(0.2),
        observation: Observation::Gaussian { variance: 0.3 },
    }
}

/// A case's model, with weights that are to be replaced, and its β.
fn case(name: &str) -> (Model, f64) {
    let tanh = |config: MlpVaeConfig, observation| MlpVaeConfig { activation: Activation::Tanh, observation, ..config };
    let mlp = |config| Model::Mlp(MlpVae::new(config, &CPU, 9).unwrap());
    let conv = |config| Model::Conv(ConvVae::new(config, &CPU, 9).unwrap());
    match name {
        "mlp" => (mlp(self::mlp((1, 8, 8), &[20, 12], 3)), 1.0),
        "mlp_learned_variance" => (mlp(tanh(self::mlp((2, 5, 6), &[16], 4), Observation::GaussianLearned)), 0.5),
        "mlp_continuous" => (mlp(tanh(self::mlp((1, 6, 6), &[14], 2), Observation::ContinuousBernoulli)), 1.0),
        "conv" => (conv(tutorial([4, 5, 6, 5], 4)), 1.0),
        "conv_output_padding" => (conv(strided()), 2.0),
        other => {
            assert_eq!(other, "denoising", "there is no such case");
            (mlp(self::mlp((1, 8, 8), &[18], 4)), 1.0)
        }
    }
}

const CASES: [&str; 6] = ["mlp", "mlp_learned_variance", "mlp_continuous", "conv", "conv_output_padding", "denoising"];

/// The case's model with the fixture's tensors of one prefix, read as the state dict that they are.
fn loaded(name: &str, fixture: &Tensors, prefix: &str) -> Model {
    let part = fixture.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_string(), value.clone())));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state_dict.safetensors");
    safetensors::save(&part.collect::<Tensors>(), &path).unwrap();
    let (mut model, _) = case(name);
    model.load_pytorch(&path).unwrap();
    model
}

fn values(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest |got − want|, and the largest |want|.
fn difference(got: &Tensor, want: &Tensor) -> (f64, f64) {
    assert_eq!(got.dims(), want.dims());
    let (got, want) = (values(got), values(want));
    assert!(got.iter().chain(&want).all(|x| x.is_finite()));
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    (largest(&mut got.iter().zip(&want).map(|(a, b)| (a - b).abs())), largest(&mut want.iter().map(|x| x.abs())))
}

/// The largest errors by kind, printed at the end.
#[derive(Default)]
struct Worst(BTreeMap<&'static str, f64>);

impl Worst {
    fn check(&mut self, kind: &'static str, what: &str, error: f64, allowed: f64) {
        let worst = self.0.entry(kind).or_default();
        *worst = worst.max(error);
        assert!(error <= allowed, "{what}: {kind} differ by {error:.1e}, allowed {allowed:.0e}");
    }
}

/// log p(x|z) and KL, averaged over the batch, with z made from the given noise; and the posterior and the output.
fn terms(
    vae: &dyn Vae,
    x: &Tensor,
    seen: &Tensor,
    epsilon: &Tensor,
) -> Result<(Tensor, Tensor, DiagonalGaussian, Tensor)> {
    let q: DiagonalGaussian = vae.encode(seen)?.downcast::<DiagonalGaussian>()?.clone();
    let z = q.rsample_with(epsilon)?;
    let p = vae.decode(&z)?;
    Ok((p.log_prob(x)?.mean_all()?, q.kl_to_standard()?.mean_all()?, q, p.mean()?))
}

/// Outputs to 1e-5, first gradients to 1e-4 of each parameter's largest, ten steps of loss terms, and how far one and ten steps
/// of Adam take each parameter agree with PyTorch's, for every architecture and likelihood.
#[test]
fn agrees_with_pytorch() {
    for name in CASES {
        let fixture = safetensors::load(Path::new(FIXTURES).join(format!("{name}.safetensors")), &CPU).unwrap();
        let model = loaded(name, &fixture, "start.");
        let (vae, beta) = (model.vae(), case(name).1);
        let mut adam = Adam::new(vae.params(), AdamConfig::default()).unwrap();
        let mut worst = Worst::default();
        for step in 0..10 {
            let epsilon = fixture["epsilon"].get(step).unwrap();
            let (reconstruction, kl, q, mean) = terms(vae, &fixture["x"], &fixture["seen"], &epsilon).unwrap();
            let loss = ((&kl * beta).unwrap() - &reconstruction).unwrap();
            for (what, got) in [("reconstruction", &reconstruction), ("kl", &kl), ("loss", &loss)] {
                let (error, size) = difference(got, &fixture[what].get(step).unwrap());
                worst.check("loss terms", &format!("{name}, {what}, step {step}"), error / (1.0 + size), 1e-5);
            }
            let gradients = nn::backward(&loss).unwrap();
            if step == 0 {
                for (what, got) in [("mu", q.mu()), ("log_var", q.log_var()), ("mean", &mean)] {
                    worst.check("outputs", &format!("{name}, {what}"), difference(got, &fixture[what]).0, 1e-5);
                }
                let want = loaded(name, &fixture, "gradient.");
                for ((name, var), (_, want)) in vae.params().iter().zip(want.vae().params().iter()) {
                    let (error, size) = difference(&gradients.get(var).unwrap().unwrap(), want);
                    assert!(size > 0.0, "{name} has no gradient to compare");
                    worst.check("gradients", name, error / size, 1e-4);
                }
            }
            adam.step(gradients, 1.0).unwrap();
            let after = match step {
                0 => Some(("one.", "step 1")),
                9 => Some(("ten.", "steps 1 to 10")),
                _ => None,
            };
            if let Some((prefix, kind)) = after {
                let (start, want) = (loaded(name, &fixture, "start."), loaded(name, &fixture, prefix));
                let names = start.vae().params().iter().zip(want.vae().params().iter());
                for ((name, var), ((_, start), (_, want))) in vae.params().iter().zip(names) {
                    let [got, want] = [var, want].map(|t| values(&(t.as_tensor() - start.as_tensor()).unwrap()));
                    let length = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
                    let error =
                        length(&mut got.iter().zip(&want).map(|(a, b)| a - b)) / length(&mut want.iter().copied());
                    // The first step is the gradient's sign, so that rounding shows where a gradient is nearly zero.
                    worst.check(kind, name, error, 1e-3);
                }
            }
        }
        assert_eq!(worst.0.len(), 5);
        let figures: Vec<_> = worst.0.iter().map(|(kind, error)| format!("{kind} {error:.1e}")).collect();
        println!("{name}: {}", figures.join(", "));
    }
}

/// [`Elbo`] and [`Denoising`] are the terms that [`agrees_with_pytorch`] compares, with their own noise.
#[test]
fn the_objectives_are_these_terms() {
    let corruption = Corruption::Gaussian { std: 0.2 };
    for name in CASES {
        let x = safetensors::load(Path::new(FIXTURES).join(format!("{name}.safetensors")), &CPU).unwrap()["x"].clone();
        let (model, beta) = case(name);
        let (vae, elbo) = (model.vae(), Elbo { beta, warmup_epochs: 0.0, ..Default::default() });
        let batch = Batch { x: x.clone(), y: None };
        for (objective, corrupt) in
            [(&elbo as &dyn Objective, false), (&Denoising { corruption, elbo, criterion: Criterion::Plain }, true)]
        {
            let got = objective.terms(vae, &batch, 0.0, &mut Random::new(5)).unwrap();
            let mut noise = Random::new(5);
            let seen = if corrupt { corruption.apply(&x, &mut noise).unwrap() } else { x.clone() };
            let epsilon = noise.normal((x.dims()[0], vae.latent()), &CPU).unwrap();
            let (reconstruction, kl, ..) = terms(vae, &x, &seen, &epsilon).unwrap();
            let loss = ((&kl * beta).unwrap() - &reconstruction).unwrap();
            for (got, want) in [(&got.loss, loss), (&got.reconstruction, reconstruction), (&got.kl, kl)] {
                let (error, size) = difference(got, &want);
                assert!(error <= 1e-6 * (1.0 + size), "{name}: {got} {want}");
            }
        }
    }
}
