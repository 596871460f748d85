//! The convolutional VAE: the tutorial's table, gradients, files, other shapes, and shapes that cannot work.
#![allow(clippy::unwrap_used)]

use vae_core::prelude::*;

const CPU: Device = Device::Cpu;

/// 2 channels of 8×8 pixels, and back from 4×4 by a window of 4.
fn small(observation: Observation) -> ConvVaeConfig {
    let conv = |i, o, stride| Conv2dConfig { stride, padding: 1, ..Conv2dConfig::new(i, o, 3) };
    let up = |i, o, kernel: usize, stride| ConvTranspose2dConfig {
        stride,
        padding: 1,
        ..ConvTranspose2dConfig::new(i, o, kernel)
    };
    ConvVaeConfig {
        image: (2, 8, 8),
        encoder: vec![conv(2, 3, 1), conv(3, 4, 2)],
        latent: 3,
        decoder: vec![up(4, 3, 4, 2), up(3, 2, 3, 1)],
        activation: Activation::LeakyRelu(0.2),
        observation,
    }
}

fn batch(config: &ConvVaeConfig, n: usize) -> Batch {
    let (c, h, w) = config.image;
    Batch { x: Random::new(6).uniform((n, c, h, w), &CPU).unwrap(), y: None }
}

/// The default's table is the tutorial's: kinds, output shapes and parameters, in order. Each number of parameters is
/// in·out·k² + out for a convolution, in·out + out for a linear layer; the total is what `sum(p.numel() for p in
/// vae.parameters())` gives in PyTorch.
#[test]
fn the_table_is_the_tutorials() {
    let vae = ConvVae::new(ConvVaeConfig::default(), &CPU, 1).unwrap();
    let table: Vec<_> = vae.layers().into_iter().map(|row| (row.name, row.kind, row.output, row.parameters)).collect();
    let leaky = |shape: [usize; 3]| (String::new(), "LeakyReLU".to_string(), shape.to_vec(), 0);
    let row = |name: &str, kind: &str, shape: &[usize], parameters: usize| {
        (name.to_string(), kind.to_string(), shape.to_vec(), parameters)
    };
    let expected = [
        row("encoder.0", "Conv2d", &[32, 28, 28], 320),
        leaky([32, 28, 28]),
        row("encoder.2", "Conv2d", &[64, 14, 14], 18_496),
        leaky([64, 14, 14]),
        row("encoder.4", "Conv2d", &[72, 7, 7], 41_544),
        leaky([72, 7, 7]),
        row("encoder.6", "Conv2d", &[64, 7, 7], 41_536),
        row("", "Flatten", &[3136], 0),
        row("z_mean", "Linear", &[64], 200_768),
        row("z_log_var", "Linear", &[64], 200_768),
        row("decoder.0", "Linear", &[3136], 203_840),
        row("", "Unflatten", &[64, 7, 7], 0),
        row("decoder.2", "ConvTranspose2d", &[64, 7, 7], 36_928),
        leaky([64, 7, 7]),
        row("decoder.4", "ConvTranspose2d", &[72, 13, 13], 41_544),
        leaky([72, 13, 13]),
        row("decoder.6", "ConvTranspose2d", &[32, 27, 27], 20_768),
        leaky([32, 27, 27]),
        row("decoder.8", "ConvTranspose2d", &[1, 28, 28], 513),
    ];
    assert_eq!(table, expected);
    assert_eq!((vae.summary().total(), vae.params().count()), (807_025, 807_025));
    let names: Vec<_> = vae.params().iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names[..3], ["encoder.0.weight", "encoder.0.bias", "encoder.2.weight"]);
    assert!(vae.summary().to_string().contains("encoder.2 (Conv2d)"));
}

/// The gradient of the ELBO in random coordinates of every parameter is that of central differences, for all
/// observations.
#[test]
fn gradients_are_right() {
    // A difference crosses the kinks of some units of a LeakyReLU; tanh has none.
    for (observation, activation, tolerance) in [
        (Observation::Bernoulli, Activation::Tanh, 0.02),
        (Observation::ContinuousBernoulli, Activation::Tanh, 0.02),
        (Observation::Gaussian { variance: 0.3 }, Activation::Tanh, 0.02),
        (Observation::GaussianLearned, Activation::Tanh, 0.02),
        (Observation::Bernoulli, Activation::LeakyRelu(0.2), 0.2),
    ] {
        let config = ConvVaeConfig { activation, ..small(observation) };
        let vae = ConvVae::new(config.clone(), &CPU, 2).unwrap();
        let batch = batch(&config, 4);
        let loss = || Elbo::default().terms(&vae, &batch, 0.0, &mut Random::new(5)).unwrap().loss;
        let gradients = loss().backward().unwrap();
        let mut random = Random::new(9);
        for (name, var) in vae.params().iter() {
            let gradient = gradients.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let values = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let scale = gradient.iter().map(|g| g.abs()).fold(0.0, f32::max) as f64;
            assert!(scale > 0.0, "{name} has no gradient");
            for _ in 0..3 {
                let at = random.below(values.len());
                let step = 5e-3f32;
                let [up, down] = [step, -step].map(|step| {
                    let mut moved = values.clone();
                    moved[at] += step;
                    var.set(&Tensor::from_vec(moved, var.shape(), &CPU).unwrap()).unwrap();
                    f64::from(loss().to_scalar::<f32>().unwrap())
                });
                var.set(&Tensor::from_vec(values.clone(), var.shape(), &CPU).unwrap()).unwrap();
                let (numeric, autograd) = ((up - down) / (2.0 * f64::from(step)), f64::from(gradient[at]));
                let allowed = tolerance * scale + 5e-3; // the noise of float32
                assert!((numeric - autograd).abs() < allowed, "{observation:?} {name}[{at}]: {numeric} {autograd}");
            }
        }
    }
}

/// A few steps of training make the ELBO better, with every observation.
#[test]
fn learns() {
    let bytes: Vec<u8> = (0..200 * 128).map(|i| if (i / 8) % 3 == (i / 128) % 3 { 230 } else { 20 }).collect();
    let images = Images::new(bytes, vec![0; 200], (2, 8, 8), &CPU).unwrap();
    for observation in [Observation::Bernoulli, Observation::ContinuousBernoulli, Observation::GaussianLearned] {
        let mut vae = ConvVae::new(small(observation), &CPU, 1).unwrap();
        let trainer = Trainer::new(Elbo::default()).epochs(6).batch_size(20).learning_rate(5e-3).quiet();
        let history = trainer.fit(&mut vae, &images).unwrap();
        let elbo = |i: usize| history.epochs[i].train.elbo;
        assert!(elbo(5) > elbo(0) + 5.0, "{observation:?}: {history}");
    }
}

/// A saved model opens with the same architecture and bits; another architecture, another kind of model and a damaged
/// file are refused and change nothing.
#[test]
fn files_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let vae = ConvVae::new(small(Observation::GaussianLearned), &CPU, 3).unwrap();
    vae.save(&path).unwrap();
    let opened = ConvVae::open(&path, &CPU).unwrap();
    let bits = |vae: &ConvVae| -> Vec<(String, Vec<f32>)> {
        vae.params().iter().map(|(n, v)| (n.to_string(), v.flatten_all().unwrap().to_vec1().unwrap())).collect()
    };
    assert_eq!(bits(&vae), bits(&opened));
    assert_eq!(vae.summary(), opened.summary());
    let mut other = ConvVae::new(small(Observation::Bernoulli), &CPU, 4).unwrap();
    let before = bits(&other);
    assert!(other.load(&path).unwrap_err().to_string().contains("another model"));
    assert_eq!(bits(&other), before);
    assert!(MlpVae::open(&path, &CPU).unwrap_err().to_string().contains("\"mlp\""));
    MlpVae::new(MlpVaeConfig::default(), &CPU, 1).unwrap().save(&path).unwrap();
    assert!(ConvVae::open(&path, &CPU).unwrap_err().to_string().contains("\"conv\""));
    std::fs::write(&path, b"not a model").unwrap();
    assert!(ConvVae::open(&path, &CPU).unwrap_err().to_string().contains("model.safetensors"));
}

/// The encoder that can be looked into ends in the flattened features, without the heads.
#[test]
fn the_encoder_ends_in_features() {
    let vae = ConvVae::new(ConvVaeConfig::default(), &Device::Cpu, 1).unwrap();
    assert_eq!(vae.encoder().shapes(&[1, 28, 28]).unwrap().last().unwrap(), &[64 * 7 * 7]);
}

/// The mirrored network comes back to the image's shape for odd and even sides, strides and colours; so does a linear
/// one.
#[test]
fn any_size_and_colour() {
    for (image, layers) in [
        ((3, 32, 32), vec![(8, 2), (16, 2), (16, 2)]),
        ((1, 27, 27), vec![(4, 2), (8, 2)]),
        ((3, 20, 12), vec![(4, 1), (6, 2)]),
        ((4, 17, 17), vec![(4, 3), (6, 4)]),
        ((1, 1, 1), vec![(2, 1)]),
        ((1, 5, 9), vec![]),
    ] {
        let config = ConvVaeConfig::mirrored(image, &layers, 5).unwrap();
        let vae = ConvVae::new(config.clone(), &CPU, 1).unwrap();
        let batch = batch(&config, 2);
        let terms = Elbo::default().terms(&vae, &batch, 0.0, &mut Random::new(1)).unwrap();
        assert!(terms.loss.to_scalar::<f32>().unwrap().is_finite());
        let (c, h, w) = image;
        assert_eq!(vae.generate(3, &mut Random::new(1)).unwrap().dims(), [3, c, h, w]);
        assert_eq!(vae.reconstruct(&batch.x).unwrap().dims(), [2, c, h, w]);
        assert_eq!(vae.summary().total(), vae.params().count());
    }
}

fn refusal(change: impl Fn(&mut ConvVaeConfig)) -> String {
    let mut config = ConvVaeConfig::default();
    change(&mut config);
    ConvVae::new(config, &CPU, 1).unwrap_err().to_string()
}

/// Layers that cannot work are refused with the layer's number and the arithmetic.
#[test]
fn refusals_show_the_arithmetic() {
    let text = refusal(|c| {
        c.encoder[3].kernel = 9;
        c.encoder[3].padding = 0;
    });
    for part in ["layer 4 of the encoder", "9 pixels", "7 + 2·0 = 7"] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let text = refusal(|c| c.decoder[3].kernel = 5);
    for part in [
        "ends at (1, 29, 29) and not at the image's (1, 28, 28)",
        "starts at (64, 7, 7)",
        "layer 2: (7 − 1)·2 − 2·1 + 1·(3 − 1) + 0 + 1 makes (72, 13, 13)",
        "layer 3: (13 − 1)·2 − 2·0 + 1·(3 − 1) + 0 + 1 makes (32, 27, 27)",
        "layer 4: (27 − 1)·1 − 2·1 + 1·(5 − 1) + 0 + 1 makes (1, 29, 29)",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let text = refusal(|c| c.encoder[2].in_channels = 63);
    assert!(text.contains("layer 3 of the encoder") && text.contains("63 channels") && text.contains("(64, 14, 14)"));
    assert!(refusal(|c| c.encoder[0].in_channels = 3).contains("(1, 28, 28)"));
    assert!(refusal(|c| c.decoder[0].in_channels = 65).contains("layer 1 of the decoder"));
    assert!(refusal(|c| c.decoder[3].out_channels = 3).contains("(3, 28, 28)"));
    assert!(refusal(|c| c.decoder[1].output_padding = 2).contains("layer 2 of the decoder"));
    assert!(refusal(|c| c.decoder[0].padding = 9).contains("layer 1 of the decoder"));
    assert!(refusal(|c| c.image = (1, 30, 30)).contains("(1, 30, 30)"));
    assert!(refusal(|c| c.decoder.clear()).contains("(64, 7, 7)"));
    for (text, word) in [
        (refusal(|c| c.latent = 0), "latent"),
        (refusal(|c| c.image.2 = 0), "width"),
        (refusal(|c| c.encoder[1].stride = 0), "stride"),
        (refusal(|c| c.encoder[1].kernel = 0), "kernel"),
        (refusal(|c| c.decoder[1].out_channels = 0), "out_channels"),
        (refusal(|c| c.encoder[1].kernel = usize::MAX), "65536"),
        (refusal(|c| c.decoder[1].padding = usize::MAX), "65536"),
        (refusal(|c| c.latent = usize::MAX), "65536"),
    ] {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    let text = ConvVaeConfig::mirrored((1, 28, 27), &[(8, 2)], 2).unwrap_err().to_string();
    assert!(text.contains("(1, 28, 28)") && text.contains("(1, 28, 27)"), "{text}");
    assert!(ConvVaeConfig::mirrored((1, 28, 28), &[(8, 0)], 2).unwrap_err().to_string().contains("stride"));
    assert!(ConvVaeConfig::mirrored((1, 28, 28), &[(0, 1)], 2).unwrap_err().to_string().contains("out_channels"));
    assert!(ConvVaeConfig::mirrored((1, usize::MAX, 28), &[(1, 1)], 2).unwrap_err().to_string().contains("65536"));
    assert!(ConvVaeConfig::mirrored((1, 28, 28), &[(usize::MAX, 1)], 2).unwrap_err().to_string().contains("65536"));
    assert!(refusal(|c| c.decoder.iter_mut().for_each(|l| l.stride = 60_000)).contains("above 65536"));
    let huge = ConvVaeConfig::mirrored((3, 4_000, 4_000), &[], 1000).unwrap();
    assert!(ConvVae::new(huge, &CPU, 1).unwrap_err().to_string().contains("144000000000 parameters"));
    let text = ConvVaeConfig::mirrored((3, 40_000, 40_000), &[], 1000).unwrap_err().to_string();
    assert!(text.contains("(3, 40000, 40000) are 4800000000 numbers for one image"), "{text}");
}

/// Images and codes of other shapes are refused with both shapes in the message.
#[test]
fn wrong_shapes_are_named() {
    let vae = ConvVae::new(ConvVaeConfig::default(), &CPU, 1).unwrap();
    for shape in [vec![2, 1, 27, 28], vec![2, 3, 28, 28], vec![2, 784]] {
        let text = vae.encode(&Tensor::zeros(&*shape, DType::F32, &CPU).unwrap()).unwrap_err().to_string();
        assert!(text.contains("(batch, 1, 28, 28)") && text.contains(&format!("{shape:?}")), "{text}");
    }
    let z = Tensor::zeros((2, 3), DType::F32, &CPU).unwrap();
    let text = vae.decode(&z).err().unwrap().to_string();
    assert!(text.contains("(batch, 64)") && text.contains("[2, 3]"), "{text}");
}

/// Layer by layer, a stack makes what it makes at once, and has the shapes that it says.
#[test]
fn outputs_layer_by_layer() {
    let vae = ConvVae::new(ConvVaeConfig::default(), &Device::Cpu, 1).unwrap();
    let z = Random::new(2).normal((3, 64), &Device::Cpu).unwrap();
    let outputs = vae.decoder().outputs(&z).unwrap();
    let shapes = vae.decoder().shapes(&[64]).unwrap();
    assert!(outputs.iter().map(|output| output.dims()[1..].to_vec()).eq(shapes));
    let off = (outputs.last().unwrap() - vae.decoder().forward(&z).unwrap()).unwrap();
    assert!(off.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-4);
}

/// The receptive fields that gradients measure are those of the arithmetic: r + (k − 1) · (product of the strides before).
#[test]
fn receptive_fields_by_arithmetic() {
    for config in
        [ConvVaeConfig::default(), ConvVaeConfig::mirrored((1, 28, 28), &[(4, 2), (5, 2), (6, 1)], 3).unwrap()]
    {
        let (mut field, mut step, mut expected) = (1, 1, vec![]);
        for conv in &config.encoder {
            field += (conv.kernel - 1) * step;
            step *= conv.stride;
            expected.push((field, field));
        }
        let vae = ConvVae::new(config, &Device::Cpu, 1).unwrap();
        let measured = vae.encoder().receptive_fields((1, 28, 28), &Device::Cpu).unwrap();
        assert_eq!(measured.iter().map(|field| field.size()).collect::<Vec<_>>(), expected);
        assert!(measured.iter().all(|field| field.map.dims() == [1, 1, 28, 28]));
    }
}
