//! Conditional VAEs: of labels and of vectors, fully connected and of convolutions, with either prior.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // also of guests, which use more of it
mod double;
#[allow(dead_code)]
#[path = "guests/harness.rs"]
mod harness;

use double::{Step, forward, in_float64};
use harness::numbers;
use vae_core::{models, nn, prelude::*};

const CPU: Device = Device::Cpu;

fn mlp() -> Network {
    MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() }.into()
}

fn conv() -> Network {
    ConvVaeConfig::mirrored((1, 28, 28), &[(4, 2), (8, 2)], 4).unwrap().into()
}

/// Both networks, either prior, and whoever is told.
fn all() -> Vec<ConditionalVaeConfig> {
    let mut all = vec![];
    for network in [mlp(), conv()] {
        for prior in [Prior::Standard, Prior::Learned { hidden: vec![] }, Prior::Learned { hidden: vec![6] }] {
            for told in [Told::Both, Told::Decoder] {
                let (network, prior) = (network.clone(), prior.clone());
                all.push(ConditionalVaeConfig { network, prior, told, ..Default::default() });
            }
        }
    }
    all
}

fn vae(config: &ConditionalVaeConfig) -> ConditionalVae {
    ConditionalVae::new(config.clone(), &CPU, 1).unwrap()
}

fn digits() -> Images {
    data::digits(&CPU).unwrap().train.take(2048)
}

fn label(label: u32) -> Tensor {
    Tensor::new(&[label], &CPU).unwrap()
}

fn every_label() -> Tensor {
    Tensor::arange(0u32, 10, &CPU).unwrap()
}

/// An objective that knows of no labels trains a model that uses them, resumes bit for bit, and afterwards sevens are likeliest as
/// sevens, and one code becomes a picture of each class.
#[test]
fn learns_from_labels() -> Result<()> {
    let digits = digits();
    for (network, told, fit) in [(mlp(), Told::Both, 0.9), (mlp(), Told::Decoder, 0.9), (conv(), Told::Both, 0.95)] {
        let config =
            ConditionalVaeConfig { network, told, prior: Prior::Learned { hidden: vec![] }, ..Default::default() };
        let settings = |trainer: Trainer| trainer.learning_rate(5e-3).validation(64);
        let (vae, history) = harness::trains_and_resumes(|| vae(&config), Elbo::default, &digits, settings);
        let [first, last] = [0, 3].map(|epoch| history.epochs[epoch].validation.as_ref().unwrap().elbo);
        assert!(last > first + 10.0, "{first} {last}");

        let sevens = digits.of_class(7);
        let bound = |vae: &dyn Vae| Ok::<f64, Error>(scores(vae, &sevens, Score::NegativeElbo, 10, 1)?.iter().sum());
        let given = |other: u32| bound(&vae.given(&label(other))?);
        assert_eq!(given(7)?, bound(&vae)?); // the labels of the images
        for other in [0, 1, 2, 3, 4, 5, 6, 8, 9] {
            assert!(given(7)? < given(other)?, "sevens are likelier as {other}");
        }

        let z = Tensor::zeros((1, vae.latent()), DType::F32, &CPU)?;
        let pictures = vae.under_each(&z, &every_label())?;
        for class in 0..10 {
            let far = pictures.broadcast_sub(&digits.of_class(class as u32).mean_image()?)?.sqr()?.sum((1, 2, 3))?;
            let far = far.to_vec1::<f32>()?;
            assert!(far[class] < fit * far.iter().sum::<f32>() / 10.0, "{class}: {far:?}");
        }
    }
    Ok(())
}

/// The divergence from the learned prior is in closed form, and its mean over draws is that of the log-densities.
#[test]
fn divergence_from_the_learned_prior() -> Result<()> {
    let batch = digits().batch(&[0, 1, 2])?;
    for config in all().into_iter().filter(|config| config.prior != Prior::Standard) {
        let vae = vae(&config).given(batch.y.as_ref().unwrap())?;
        let prior = vae.prior(3)?;
        assert!(numbers(&prior.mean()?).iter().all(|&mu| mu != 0.0), "the prior knows nothing of y");
        harness::closed_form(&Vae::encode(&vae, &batch.x)?, &prior)?;
    }
    Ok(())
}

/// One row of y is the same as that row for each item, for encoder, decoder and prior; each item has its own where there are more.
#[test]
fn one_row_serves_any_batch() -> Result<()> {
    let batch = digits().batch(&[0, 1, 2])?;
    let z = Random::new(4).normal((3, 4), &CPU)?;
    for config in all() {
        let vae = vae(&config);
        let all = |vae: &ConditionalVae| -> Result<Vec<f64>> {
            let (q, p) = (vae.encode(&batch.x)?, vae.decode(&z)?);
            let prior = vae.prior(3)?;
            Ok([numbers(q.mu()), numbers(q.log_var()), numbers(&p.mean()?), numbers(&prior.log_prob(&z)?)].concat())
        };
        let mixed = Tensor::new(&[7u32, 3, 7], &CPU)?;
        let (one, three, mixed) = (all(&vae.given(&label(7))?)?, all(&vae.given(&label(7).repeat(3)?)?)?, mixed);
        assert_eq!(one, three, "{config:?}");
        let mixed = all(&vae.given(&mixed)?)?;
        // Each of the four has three rows, the second of which alone is that of another label.
        let rows = [4, 4, 784, 1].map(|width| [width; 3]).concat();
        let mut at = 0;
        for (row, width) in rows.into_iter().enumerate() {
            let same = one[at..at + width] == mixed[at..at + width];
            at += width;
            let told = row / 3 >= 2 || config.told == Told::Both;
            let knows = told && (row / 3 < 3 || config.prior != Prior::Standard);
            assert_eq!(same, !knows || row % 3 != 1, "{config:?}: {row}");
        }
    }
    Ok(())
}

/// What was given stays given, to the model itself and behind the trait; labels may be of any whole-number type.
#[test]
fn what_is_given() -> Result<()> {
    let vae = vae(&Default::default());
    let z = Tensor::zeros((1, 20), DType::F32, &CPU)?;
    let picture = |vae: &dyn Vae| Ok::<_, Error>(numbers(&vae.decode(&z)?.mean()?));
    let [three, eight] = [3, 8].map(|y| vae.given(&label(y)).unwrap());
    assert!(picture(&three)? == picture(&three.given(&label(8))?)? && picture(&three)? != picture(&eight)?);
    assert_eq!(picture(&three)?, picture(&Vae::given(&Vae::given(&vae, &label(3))?, &label(8))?)?);
    for dtype in [DType::U8, DType::I64] {
        assert_eq!(picture(&three)?, picture(&vae.given(&label(3).to_dtype(dtype)?)?)?);
    }
    assert_eq!(picture(&three)?, numbers(&vae.under_each(&z, &label(3))?));

    // Code after code, each under all labels.
    let z = Random::new(2).normal((2, 20), &CPU)?;
    let mut pictures = vec![];
    for (code, given) in [(0, &three), (0, &eight), (1, &three), (1, &eight)] {
        pictures.extend(numbers(&given.decode(&z.narrow(0, code, 1)?)?.mean()?));
    }
    let each = numbers(&vae.under_each(&z, &Tensor::new(&[3u32, 8], &CPU)?)?);
    assert!(pictures.iter().zip(&each).all(|(a, b)| (a - b).abs() < 1e-6) && pictures.len() == each.len());
    Ok(())
}

/// What cannot be given is refused, and what was not given is asked for.
#[test]
fn what_cannot_be_given() -> Result<()> {
    let labels = vae(&Default::default());
    let vectors = vae(&ConditionalVaeConfig { condition: Condition::Vector(3), ..Default::default() });
    let told = vae(&ConditionalVaeConfig { told: Told::Decoder, ..Default::default() });
    let (x, z) = (Tensor::zeros((2, 1, 28, 28), DType::F32, &CPU)?, Tensor::zeros((2, 20), DType::F32, &CPU)?);
    let floats = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &CPU).unwrap();
    let missing = "expected what p(x|y) is given: call vae.given(&y)? first, or take data that have a y (labels)";
    let said = |result: Result<()>| result.err().map(|error| error.to_string()).unwrap_or_default();
    for (result, words) in [
        (labels.reconstruct(&x).map(drop), missing),
        (labels.decode(&z).map(drop), missing),
        (labels.generate(2, &mut Random::new(1)).map(drop), missing),
        (told.encode(&x).map(drop), ""),
        (told.reconstruct(&x).map(drop), missing),
        (scores(&labels, &x, Score::NegativeElbo, 2, 1).map(drop), missing),
        (labels.given(&label(10)).map(drop), "the label 10: expected 0 to 9, as there are 10 classes"),
        (labels.given(&Tensor::new(&[3i64, -1], &CPU)?).map(drop), "the label -1: expected 0 to 9"),
        (labels.given(&floats(&[2])).map(drop), "whole numbers, U8, U32 or I64, got F32"),
        (labels.given(&floats(&[2, 10])).map(drop), "labels: expected shape (batch,), got [2, 10]"),
        (labels.given(&floats(&[0])).map(drop), "labels: expected shape (batch,), got [0]"),
        (vectors.given(&floats(&[2, 4])).map(drop), "expected shape (batch, 3), got [2, 4]"),
        (vectors.given(&floats(&[3])).map(drop), "expected shape (batch, 3), got [3]"),
        (vectors.given(&label(3)).map(drop), "expected shape (batch, 3), got [1]"),
        (labels.given(&label(3).repeat(3)?)?.decode(&z).map(drop), "expected shape 1 row, or 2, one for each item"),
        (labels.under_each(&floats(&[2, 3]), &label(3)).map(drop), "expected shape (batch, 20)"),
        (labels.under_each(&z, &label(12)).map(drop), "the label 12"),
        (labels.under_each(&floats(&[]), &label(1)).map(drop), "codes to decode"),
        (labels.given(&label(3))?.encode(&floats(&[])).map(drop), "images to encode"),
    ] {
        let said = said(result);
        assert!(said.contains(words) && said.is_empty() == words.is_empty(), "{words:?} is not in {said:?}");
    }
    Ok(())
}

/// Given a label, all that is done with a VAE is done with this one, and with the labels of the data it comes to the same.
#[test]
fn is_an_ordinary_vae() -> Result<()> {
    let sevens = digits().of_class(7).take(40);
    for config in all() {
        let vae = vae(&config);
        let given = vae.given(&label(7))?;
        let x = sevens.first(5)?;
        assert_eq!(given.reconstruct(&x)?.dims(), [5, 1, 28, 28]);
        assert_eq!(given.generate(6, &mut Random::new(1))?.dims(), [6, 1, 28, 28]);
        for score in Score::ALL {
            let of = |vae: &dyn Vae| scores(vae, &sevens, score, 3, 1);
            assert_eq!(of(&vae)?, of(&given)?, "{score}");
        }
        let objectives: [&dyn Objective; 2] = [&Elbo::default(), &Denoising::default()];
        for objective in objectives {
            let of = |vae: &dyn Vae| evaluate(objective, vae, &sevens, true, 1);
            assert_eq!(of(&vae)?, of(&given)?);
        }
        // The KL is that to the prior given y, and the bound stays below the importance-weighted likelihood.
        let mean =
            |score, samples| Ok::<_, Error>(scores(&given, &sevens, score, samples, 1)?.iter().sum::<f64>() / 40.0);
        assert!(mean(Score::NegativeLogLikelihood, 50)? < mean(Score::NegativeElbo, 50)?);
    }
    Ok(())
}

/// A detector of a conditional model takes the labels of its data, or is one of p(x|y) for the y that its model was given; either comes
/// back from its file with the same bits.
#[test]
fn detectors() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (digits, path) = (digits().take(200), folder.path().join("detector.safetensors"));
    let score = Score::NegativeElbo;
    let detector_config = DetectorConfig { score, samples: 2, false_positive_rate: 0.1, ..Default::default() };
    for network in [mlp(), conv()] {
        let vae = vae(&ConditionalVaeConfig { network, ..Default::default() });
        let by_labels = Detector::fit(&vae, &digits, detector_config)?;
        let of_sevens = Detector::fit(&vae.given(&label(7))?, &digits, detector_config)?;
        assert_eq!(by_labels.scores(&digits)?, scores(&vae, &digits, score, 2, detector_config.seed)?);
        assert_ne!(by_labels.scores(&digits)?, of_sevens.scores(&digits)?);
        for detector in [by_labels, of_sevens] {
            detector.save(&path)?;
            assert_eq!(Detector::load(&path, &CPU)?.scores(&digits)?, detector.scores(&digits)?);
        }
    }
    Ok(())
}

/// A saved model opens with the same bits, whether its kind is known or not; what it was given comes with it.
#[test]
fn files_come_back() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let z = Random::new(2).normal((2, 4), &CPU)?;
    let three = Tensor::new(&[[0.1f32, 1.0 / 3.0, -7.25e-9]], &CPU)?;
    let vectors = all().into_iter().map(|config| ConditionalVaeConfig { condition: Condition::Vector(3), ..config });
    for config in all().into_iter().chain(vectors) {
        let vae = vae(&config);
        let y = if matches!(config.condition, Condition::Vector(_)) { &three } else { &label(4) };
        let picture = |vae: &dyn Vae| Ok::<_, Error>(numbers(&vae.given(y)?.decode(&z)?.mean()?));
        let wanted = picture(&vae)?;
        vae.save(&path)?;
        assert_eq!(picture(&models::open(&path, &CPU)?)?, wanted, "{config:?}");
        assert_eq!(picture(&ConditionalVae::open(&path, &CPU)?)?, wanted);

        let given = vae.given(y)?;
        given.save(&path)?;
        let opened = models::open(&path, &CPU)?;
        assert_eq!(numbers(&opened.decode(&z)?.mean()?), wanted);
        assert_eq!(opened.config(), given.config());
        assert!(ConditionalVae::new(config, &CPU, 2)?.load(&path).is_err(), "another model: it was given something");
    }
    let mlp = MlpVae::new(MlpVaeConfig::default(), &CPU, 1)?;
    mlp.save(&path)?;
    let error = ConditionalVae::open(&path, &CPU).unwrap_err().to_string();
    assert!(error.contains("expected a model of kind \"conditional\", got \"mlp\""), "{error}");
    assert!(models::register("conditional", |_, _| unreachable!()).is_err());
    Ok(())
}

/// Without y, the networks are those of the unconditional models: the same table but for the columns that y takes, and a prior.
#[test]
fn the_table_adds_up() {
    for config in all() {
        let vae = vae(&config);
        let rows = vae.summary().rows().len();
        assert_eq!(vae.summary().total(), vae.params().count(), "{config:?}");
        let own: Box<dyn Vae> = match &config.network {
            Network::Mlp(config) => Box::new(MlpVae::new(config.clone(), &CPU, 1).unwrap()),
            Network::Conv(config) => Box::new(ConvVae::new(config.clone(), &CPU, 1).unwrap()),
        };
        let prior: usize =
            vae.params().iter().filter(|(name, _)| name.starts_with("prior.")).map(|(_, v)| v.elem_count()).sum();
        let named = |name: &str| own.params().get(name).map_or(0, |var| var.dims()[0]);
        let decoder = named("decoder.fc1.weight") + named("decoder.0.weight");
        let encoder = named("encoder.fc1.weight") + named("z_mean.weight") + named("z_log_var.weight");
        let told = if config.told == Told::Both { encoder } else { 0 };
        assert_eq!(vae.params().count(), own.params().count() + 10 * (decoder + told) + prior, "{config:?}");
        let hidden = match &config.prior {
            Prior::Standard => 0,
            Prior::Learned { hidden } => 2 + 2 * hidden.len(),
        };
        assert_eq!(rows, own.summary().rows().len() + hidden);
    }
}

/// Attributes pull what is drawn: a model that is told how much ink there is draws more where more is asked for.
#[test]
fn draws_what_the_attributes_say() -> Result<()> {
    let x = digits().take(1024).tensor()?;
    let ink = x.flatten_from(1)?.mean(1)?.unsqueeze(1)?.affine(4.0, 0.0)?;
    let config = ConditionalVaeConfig { network: mlp(), condition: Condition::Vector(1), ..Default::default() };
    let mut vae = vae(&config);
    let trainer = Trainer::new(Elbo::default()).epochs(12).learning_rate(5e-3).batch_size(32).quiet();
    trainer.fit(&mut vae, &(x, ink.clone()))?;
    let ink = numbers(&ink);
    let mean = ink.iter().sum::<f64>() / ink.len() as f64;
    let drawn = |ink: f64| -> Result<f64> {
        let y = Tensor::new(&[[ink as f32]], &CPU)?;
        Ok(4.0 * numbers(&vae.given(&y)?.generate(64, &mut Random::new(1))?.mean_all()?)[0])
    };
    assert!(drawn(1.5 * mean)? > 1.2 * drawn(0.7 * mean)?);
    Ok(())
}

/// A conditional model in float64, of candle's own operations: the steps before y comes in, those from there to the heads, those of the
/// decoder and of the prior.
struct InDouble {
    params: Params,
    steps: [Vec<Step>; 4],
    heads: [&'static str; 2],
    y: Tensor,
}

impl InDouble {
    /// The ELBO's loss for this noise.
    fn loss(&self, x: &Tensor, epsilon: &Tensor) -> Result<Tensor> {
        let go = |steps: &[Step], x: &Tensor| forward(steps, x, &self.params);
        let gaussian = |[mu, log_var]: [&str; 2], h: &Tensor| {
            let head = |name: &str| go(&[Step::Linear(name.into())], h);
            DiagonalGaussian::new(head(mu)?, head(log_var)?)
        };
        let [before, after, decoder, prior] = &self.steps;
        let h = go(after, &Tensor::cat(&[&go(before, x)?, &self.y], 1)?)?;
        let q = gaussian(self.heads, &h)?;
        let p = gaussian(["prior.fc_mu", "prior.fc_logvar"], &go(prior, &self.y)?)?;
        let z = q.rsample_with(epsilon)?;
        let log_prob = Bernoulli::new(go(decoder, &Tensor::cat(&[&z, &self.y], 1)?)?)?.log_prob(x)?;
        Ok((q.kl_to(&p)? - log_prob)?.mean_all()?)
    }
}

/// Gradients into prior, heads and the layers that take y in, against central differences in float64.
#[test]
fn gradients_are_those_of_differences() -> Result<()> {
    let tanh = Activation::Tanh;
    let linear = |name: &str| Step::Linear(name.into());
    let mlp = MlpVaeConfig { image: (1, 4, 4), hidden: vec![5], latent: 2, activation: tanh, ..Default::default() };
    let conv = ConvVaeConfig::mirrored((1, 4, 4), &[(3, 2)], 2)?;
    let (down, up) = (Step::Conv("encoder.0".into(), conv.encoder[0]), Step::Up("decoder.2".into(), conv.decoder[0]));
    let conv = ConvVaeConfig { activation: tanh, ..conv };
    let acted = |name: &str| vec![linear(name), Step::Activation(tanh)];
    let prior = || acted("prior.fc1");
    let cases: [(Network, [Vec<Step>; 4], _); 2] = [
        (
            mlp.into(),
            [
                vec![Step::Flatten],
                acted("encoder.fc1"),
                [acted("decoder.fc1"), vec![linear("decoder.fc2"), Step::Unflatten(1, 4, 4)]].concat(),
                prior(),
            ],
            ["encoder.fc_mu", "encoder.fc_logvar"],
        ),
        (
            conv.into(),
            [vec![down, Step::Flatten], vec![], vec![linear("decoder.0"), Step::Unflatten(3, 2, 2), up], prior()],
            ["z_mean", "z_log_var"],
        ),
    ];
    let x = Random::new(3).uniform((6, 1, 4, 4), &CPU)?;
    let y = Random::new(4).normal((6, 3), &CPU)?;
    for (network, steps, heads) in cases {
        let config = ConditionalVaeConfig {
            network,
            condition: Condition::Vector(3),
            prior: Prior::Learned { hidden: vec![4] },
            ..Default::default()
        };
        let vae = ConditionalVae::new(config, &CPU, 5)?;
        let batch = Batch { x: x.clone(), y: None };
        let terms = Elbo::default().terms(&vae.given(&y)?, &batch, 0.0, &mut Random::new(7))?;
        let epsilon = Random::new(7).normal((6, 2), &CPU)?.to_dtype(DType::F64)?;
        let double = InDouble { params: in_float64(vae.params()), steps, heads, y: y.to_dtype(DType::F64)? };
        let x = x.to_dtype(DType::F64)?;
        let loss = || numbers(&double.loss(&x, &epsilon).unwrap())[0];
        assert!((loss() - numbers(&terms.loss)[0]).abs() < 1e-4, "{} {:?}", loss(), numbers(&terms.loss));
        let gradients = nn::backward(&terms.loss)?;
        for ((name, var), (_, single)) in double.params.iter().zip(vae.params().iter()) {
            let gradient = numbers(&gradients.get(single)?.unwrap());
            let values = numbers(var);
            let largest = gradient.iter().fold(0.0f64, |most, g| most.max(g.abs()));
            assert!(largest > 0.0, "{name} has no gradient");
            for (at, gradient) in gradient.iter().enumerate() {
                let moved = |step: f64| -> Result<f64> {
                    let mut moved = values.clone();
                    moved[at] += step;
                    var.set(&Tensor::from_vec(moved, var.shape(), &CPU)?)?;
                    Ok(loss())
                };
                let difference = (moved(1e-6)? - moved(-1e-6)?) / 2e-6;
                assert!(
                    (gradient - difference).abs() < 1e-5 * (1.0 + largest),
                    "{name}[{at}]: {gradient} {difference}"
                );
                var.set(&Tensor::from_vec(values.clone(), var.shape(), &CPU)?)?;
            }
        }
    }
    Ok(())
}
