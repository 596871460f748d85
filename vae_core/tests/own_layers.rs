//! Layers and activations of one's own, from outside the crate.
#![allow(clippy::unwrap_used)]

use vae_core::{models, prelude::*};

/// x + a sin²(ax)/a² for a number that is learned (Ziyin et al. 2020).
#[derive(Debug)]
struct Snake {
    a: Tensor,
}

impl CustomLayer for Snake {
    fn name(&self) -> &'static str {
        "Snake"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok((x + x.broadcast_mul(&self.a)?.sin()?.sqr()?.broadcast_div(&self.a)?)?)
    }

    fn parameters(&self) -> Vec<Tensor> {
        vec![self.a.clone()]
    }
}

/// A layer with a parameter of its own, between fast ones and in a residual connection, learns with them.
#[test]
fn a_layer_of_ones_own_learns() {
    let (mut params, mut random, device) = (Params::new(), Random::new(1), Device::Cpu);
    let snake = |params: &mut Params, name: &str| -> Layer {
        Snake { a: params.register(name, Var::ones(1, DType::F32, &device).unwrap()).unwrap() }.into()
    };
    let snakes = [snake(&mut params, "first.a"), snake(&mut params, "second.a")];
    let mut linear = |name: &str, i, o| Linear::new(&mut params, name, i, o, &mut random, &device).unwrap();
    let [first, second] = snakes;
    let block = Stack::new().push(linear("inner", 16, 16), Activation::Gelu).push(second, None);
    let stack = Stack::new()
        .push(linear("in", 1, 16), None)
        .push(first, None)
        .push(Residual::new(block), Activation::Tanh)
        .push(linear("out", 16, 1), None);
    let counted = |rows: Vec<vae_core::nn::Row>| rows.iter().flat_map(|r| &r.parameters).map(Tensor::elem_count).sum();
    let (listed, own): (usize, usize) = (counted(stack.rows(&[1]).unwrap()), params.count());
    assert_eq!(listed, own);

    let x = Tensor::arange(-3f32, 3.0, &device).unwrap().reshape(((), 1)).unwrap();
    let y = x.sin().unwrap();
    let mut adam = Adam::new(&params, AdamConfig { learning_rate: 1e-2, ..Default::default() }).unwrap();
    let loss = || (stack.forward(&x).unwrap() - &y).unwrap().sqr().unwrap().mean_all().unwrap();
    for step in 0..200 {
        // Both ways of going back are the same gradients.
        let gradients =
            if step % 2 == 0 { vae_core::nn::backward(&loss()).unwrap() } else { loss().backward().unwrap().into() };
        adam.step(gradients, 1.0).unwrap();
    }
    let (loss, a) = (loss().to_scalar::<f32>().unwrap(), params.get("first.a").unwrap().to_vec1::<f32>().unwrap()[0]);
    assert!(loss < 1e-2 && (a - 1.0).abs() > 1e-3, "{loss} {a}");
}

/// A model with an activation of one's own trains, is saved and loaded and resumes; who opens its file without the function is
/// told what to do.
#[test]
fn a_model_with_an_activation_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let (path, device) = (folder.path().join("model.safetensors"), Device::Cpu);
    let images = data::digits(&device).unwrap().train.take(64);
    let build = |name, seed| {
        let activation = Activation::custom(name, |x| Ok((x * x.tanh()?)?));
        MlpVae::new(MlpVaeConfig { hidden: vec![8], latent: 2, activation, ..Default::default() }, &device, seed)
            .unwrap()
    };
    let fit = |vae: &mut MlpVae, epochs, resume| {
        let trainer = Trainer::new(Elbo::default()).epochs(epochs).batch_size(16).quiet();
        let trainer = trainer.checkpoints(folder.path().join("run"));
        if resume { trainer.resume() } else { trainer }.fit(vae, &images)
    };
    let mut vae = build("Hump", 1);
    assert!(vae.summary().to_string().contains("Hump"));
    fit(&mut vae, 1, false).unwrap();
    assert_eq!(fit(&mut build("Hump", 2), 2, true).unwrap().epochs.len(), 2);
    assert!(fit(&mut build("Bump", 2), 3, true).unwrap_err().to_string().contains("Bump"));

    vae.save(&path).unwrap();
    let mut other = build("Hump", 3);
    other.load(&path).unwrap();
    let weights = |vae: &MlpVae| vae.params().iter().next().unwrap().1.to_vec2::<f32>().unwrap();
    assert_eq!(weights(&vae), weights(&other));
    let message = models::open(&path, &device).err().unwrap().to_string();
    assert!(message.contains("\"Hump\" is a function of the program") && message.contains("call `load`"), "{message}");
}
