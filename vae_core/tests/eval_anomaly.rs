//! Anomaly scores against closed forms; detectors fitted, saved, damaged, loaded and applied.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use vae_core::{
    Error,
    candle::{DType, Device, Tensor},
    data::Images,
    eval::{Detector, DetectorConfig, Score, code_distances, codes, error_map, p_values, scores},
    models::{self, ConvVae, ConvVaeConfig, MlpVae, MlpVaeConfig, Observation, Vae},
    random::Random,
};

const CPU: Device = Device::Cpu;

fn vae(config: MlpVaeConfig) -> MlpVae {
    MlpVae::new(config, &CPU, 3).unwrap()
}

fn set(vae: &MlpVae, name: &str, values: &[f32]) {
    let var = vae.params().get(name).unwrap();
    var.set(&Tensor::from_slice(values, var.shape(), &CPU).unwrap()).unwrap();
}

/// A model whose weights are all zero: q(z|x) = N(0, I), every pixel a fair coin.
fn blank() -> MlpVae {
    let vae = vae(MlpVaeConfig { hidden: vec![], latent: 3, ..Default::default() });
    vae.params().iter().for_each(|(_, var)| var.set(&var.zeros_like().unwrap()).unwrap());
    vae
}

/// Images of noise, `n` of them.
fn noise(n: usize, shape: (usize, usize, usize)) -> Images {
    let mut values = vec![0f32; n * shape.0 * shape.1 * shape.2];
    Random::new(8).fill_uniform(&mut values);
    Images::new(values.into_iter().map(|u| (u * 256.0) as u8).collect(), vec![0; n], shape, &CPU).unwrap()
}

fn close(got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= tolerance * (1.0 + want.abs()), "got {got}, want {want}");
    }
}

/// Where every pixel is a coin and the posterior is the prior, each score is known: ¼ (per pixel and, of a white image,
/// per ink), 784 ln 2 and 0, however many samples are drawn, also more than are decoded at a time.
#[test]
fn coins() {
    let (vae, white) = (blank(), Images::new(vec![255; 3 * 784], vec![0; 3], (1, 28, 28), &CPU).unwrap());
    let coins = 784.0 * 2f64.ln();
    for (score, want) in Score::ALL.into_iter().zip([0.25, 0.25, coins, coins, coins, 0.0]) {
        for samples in [1, 7, 3_000] {
            close(&scores(&vae, &white, score, samples, 1).unwrap(), &[want; 3], 1e-5);
        }
    }
}

/// In a linear Gaussian VAE, x = w z + b + σ ε, log p(x) is a Gaussian's, N(b, σ² I + w wᵀ). The importance-weighted
/// score tends to it with any encoder; with the exact posterior as the encoder one sample is enough, and the negative
/// ELBO is it too.
#[test]
fn linear_gaussian() {
    let (w, b, variance) = ([0.5f32, -0.3, 0.8, 0.1], [0.4f32, 0.5, 0.2, 0.6], 0.1);
    let observation = Observation::Gaussian { variance };
    let vae = vae(MlpVaeConfig { image: (1, 2, 2), hidden: vec![], latent: 1, observation, ..Default::default() });
    set(&vae, "decoder.fc1.weight", &w);
    set(&vae, "decoder.fc1.bias", &b);
    let images = noise(5, (1, 2, 2));

    let length: f64 = w.iter().map(|&w| f64::from(w * w)).sum();
    let exact: Vec<f64> = (0..5)
        .map(|i| {
            let pixels = images.image(i).unwrap().iter().zip(&b);
            let r: Vec<f64> = pixels.map(|(&byte, &b)| f64::from(byte) / 255.0 - f64::from(b)).collect();
            let along: f64 = r.iter().zip(&w).map(|(r, &w)| r * f64::from(w)).sum();
            // Sherman–Morrison, and the determinant lemma.
            let square = (r.iter().map(|r| r * r).sum::<f64>() - along * along / (variance + length)) / variance;
            0.5 * (square + (1.0 + length / variance).ln() + 4.0 * (std::f64::consts::TAU * variance).ln())
        })
        .collect();
    let loose = scores(&vae, &images, Score::NegativeLogLikelihood, 40_000, 1).unwrap();
    close(&loose, &exact, 0.02);
    let elbo = scores(&vae, &images, Score::NegativeElbo, 10_000, 1).unwrap();
    assert!(elbo.iter().zip(&exact).all(|(elbo, exact)| elbo > exact), "{elbo:?} {exact:?}");

    let posterior = 1.0 / (1.0 + length / variance);
    let weights = w.map(|w| (posterior * f64::from(w) / variance) as f32);
    let bias: f32 = -weights.iter().zip(&b).map(|(w, b)| w * b).sum::<f32>();
    set(&vae, "encoder.fc_mu.weight", &weights);
    set(&vae, "encoder.fc_mu.bias", &[bias]);
    set(&vae, "encoder.fc_logvar.weight", &[0.0; 4]);
    set(&vae, "encoder.fc_logvar.bias", &[posterior.ln() as f32]);
    close(&scores(&vae, &images, Score::NegativeLogLikelihood, 1, 1).unwrap(), &exact, 1e-4);
    close(&scores(&vae, &images, Score::NegativeElbo, 30_000, 1).unwrap(), &exact, 0.01);
}

/// A score depends on its image alone: not on the order, the company or the type of the images, only on the seed.
#[test]
fn scores_are_functions_of_the_image() {
    let vae = vae(MlpVaeConfig { hidden: vec![9], latent: 4, ..Default::default() });
    let images = noise(300, (1, 28, 28));
    for score in Score::ALL {
        let all = scores(&vae, &images, score, 8, 1).unwrap();
        assert_eq!(all, scores(&vae, &images, score, 8, 1).unwrap());
        close(&all, &scores(&vae, &images.tensor().unwrap(), score, 8, 1).unwrap(), 1e-6);
        let backwards = images.select(&(0..300).rev().collect::<Vec<_>>()).unwrap();
        let back: Vec<f64> = scores(&vae, &backwards, score, 8, 1).unwrap().into_iter().rev().collect();
        close(&back, &all, 1e-5);
        let alone = scores(&vae, &images.select(&[123]).unwrap(), score, 8, 1).unwrap();
        close(&alone, &all[123..124], 1e-5);

        assert_eq!(all != scores(&vae, &images, score, 8, 2).unwrap(), score.draws(), "{score}");
    }
    let map = error_map(&vae, &images).unwrap();
    assert_eq!(map.dims(), [300, 1, 28, 28]);
    let mean = map.flatten_from(1).unwrap().mean(1).unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
    close(&mean, &scores(&vae, &images, Score::ReconstructionError, 1, 0).unwrap(), 1e-5);
}

/// Every score is known by its name, in files too.
#[test]
fn names() {
    for score in Score::ALL {
        assert_eq!(score.to_string().parse::<Score>().unwrap(), score);
        assert_eq!(serde_json::to_value(score).unwrap(), score.name());
    }
    let message = "elbo".parse::<Score>().unwrap_err().to_string();
    assert!(message.contains("\"elbo\"") && message.contains("negative-elbo"), "{message}");
}

/// What cannot be scored is refused, saying what was expected and what came.
#[test]
fn refusals() {
    let vae = blank();
    let message = |x: &Tensor| scores(&vae, x, Score::Kl, 1, 0).unwrap_err().to_string();
    let (images, x) = (noise(2, (1, 28, 28)), noise(2, (1, 28, 28)).tensor().unwrap());
    let error = scores(&vae, &images.take(0), Score::Kl, 1, 0).unwrap_err().to_string();
    assert_eq!(error, "there are no images to score");
    assert_eq!(message(&x.narrow(0, 0, 0).unwrap()), "there are no images to score");
    let error = scores(&vae, &images, Score::NegativeElbo, 0, 0).unwrap_err().to_string();
    assert!(error.contains("0 samples"), "{error}");
    let error = scores(&vae, &noise(2, (3, 32, 32)), Score::Kl, 1, 0).unwrap_err().to_string();
    assert!(error.contains("(batch, 1, 28, 28)") && error.contains("[2, 3, 32, 32]"), "{error}");
    assert!(message(&x.flatten_from(1).unwrap()).contains("got [2, 784]"));
    let mut pixels = vec![0.5f32; 2 * 784];
    for (value, text) in [(f32::NAN, "NaN"), (255.0, "255"), (-0.1, "-0.1"), (f32::INFINITY, "inf")] {
        pixels[1000] = value;
        let error = message(&Tensor::from_slice(&pixels, (2, 1, 28, 28), &CPU).unwrap());
        assert!(error.contains(&format!("image 1 has a pixel of {text}")) && error.contains("[0, 1]"), "{error}");
    }
    set(&vae, "encoder.fc_logvar.bias", &[f32::NAN; 3]);
    assert!(matches!(scores(&vae, &images, Score::Kl, 1, 0), Err(Error::NotFinite(_))));
}

fn small() -> MlpVae {
    vae(MlpVaeConfig { image: (1, 3, 3), hidden: vec![5], latent: 2, ..Default::default() })
}

/// A detector that was just fitted, and the images of its fit.
fn detector(score: Score) -> (Detector, Images) {
    let normal = noise(99, (1, 3, 3));
    let config = DetectorConfig { score, false_positive_rate: 0.1, samples: 4, seed: 6 };
    (Detector::fit(&small(), &normal, config).unwrap(), normal)
}

/// One that looks at codes too.
fn near_detector() -> (Detector, Images) {
    let normal = noise(199, (1, 3, 3));
    let config = DetectorConfig { score: Score::RelativeError, false_positive_rate: 0.1, ..Default::default() };
    (Detector::fit_near(&small(), &normal.take(50), 3, &normal, config).unwrap(), normal)
}

/// Of the images of its fit as many are called anomalous as the rank says, and a verdict is score above threshold.
#[test]
fn verdicts() {
    for score in Score::ALL {
        let (detector, normal) = detector(score);
        let verdicts = detector.judge(&normal).unwrap();
        assert_eq!(detector.threshold().rank, 90);
        assert_eq!(verdicts.iter().filter(|verdict| verdict.anomalous).count(), 9, "{score}");
        let all = detector.scores(&normal).unwrap();
        for (verdict, score) in verdicts.iter().zip(all) {
            assert_eq!((verdict.score, verdict.threshold), (score, detector.threshold().value));
            assert_eq!(verdict.anomalous, score > detector.threshold().value);
        }
    }
}

/// The combination is −ln p₁ − ln p₂ of score and distance, on one half of the held-out images; the other sets the
/// line.
#[test]
fn score_and_distance() {
    let (detector, normal) = near_detector();
    let (vae, new) = (small(), noise(30, (1, 3, 3)));
    let combined = detector.scores(&new).unwrap();
    assert_eq!((detector.threshold().count, detector.threshold().rank), (100, 91));

    let half = &Random::new(0).permutation(199)[..99];
    let pick = |all: Vec<f64>| half.iter().map(|&i| all[i]).collect::<Vec<_>>();
    let score = |images: &Images| scores(&vae, images, Score::RelativeError, 1, 0).unwrap();
    let known = codes(&vae, &normal.take(50)).unwrap();
    let distance = |images: &Images| code_distances(&known, &codes(&vae, images).unwrap(), 3).unwrap();
    let p = p_values(&pick(score(&normal)), &score(&new)).unwrap();
    let q = p_values(&pick(distance(&normal)), &distance(&new)).unwrap();
    close(&combined, &p.iter().zip(&q).map(|(p, q)| -(p * q).ln()).collect::<Vec<_>>(), 1e-12);
}

/// A colour model of the other kind makes a detector too.
fn conv_detector() -> (Detector, Images) {
    let config = ConvVaeConfig::mirrored((3, 6, 6), &[(4, 2)], 2).unwrap();
    let normal = noise(30, (3, 6, 6));
    let vae = ConvVae::new(config, &CPU, 1).unwrap();
    (Detector::fit(&vae, &normal, DetectorConfig::default()).unwrap(), normal)
}

/// Distances agree with sorting them all; too many neighbours, other widths and vectors are refused.
#[test]
fn distances() {
    let codes = |n: usize| Random::new(n as u64).normal((n, 4), &CPU).unwrap();
    let (normal, new) = (codes(40), codes(7));
    for neighbours in [1, 3, 40] {
        let want: Vec<f64> = new
            .to_vec2::<f32>()
            .unwrap()
            .iter()
            .map(|code| {
                let difference = normal.broadcast_sub(&Tensor::from_slice(code, (1, 4), &CPU).unwrap()).unwrap();
                let squares = difference.sqr().unwrap().sum(1).unwrap().to_vec1::<f32>().unwrap();
                let mut all: Vec<f64> = squares.into_iter().map(|square| f64::from(square).sqrt()).collect();
                all.sort_by(f64::total_cmp);
                all[..neighbours].iter().sum::<f64>() / neighbours as f64
            })
            .collect();
        close(&code_distances(&normal, &new, neighbours).unwrap(), &want, 1e-6);
    }
    let message = |new: &Tensor, neighbours| code_distances(&normal, new, neighbours).unwrap_err().to_string();
    assert!(message(&new, 0).contains("between 1 and 40") && message(&new, 41).contains("41 nearest of 40"));
    assert!(message(&new.narrow(1, 0, 3).unwrap(), 1).contains("(images, 4)"));
    assert!(message(&new.flatten_all().unwrap(), 1).contains("(images, latent)"));
}

/// A detector keeps its weights when the model that it was fitted on goes on training.
#[test]
fn a_detector_has_its_own_weights() {
    let vae = blank();
    let images = noise(30, (1, 28, 28));
    let detector = Detector::fit(&vae, &images, DetectorConfig::default()).unwrap();
    let before = detector.scores(&images).unwrap();
    set(&vae, "decoder.fc1.bias", &[1.0; 784]);
    assert_eq!(detector.scores(&images).unwrap(), before);
    assert_ne!(scores(&vae, &images, Score::NegativeElbo, 10, 0).unwrap(), before);
}

/// A saved detector comes back with its settings, and scores new images with the same bits.
#[test]
fn detectors_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("detector.safetensors");
    for (detector, normal) in Score::ALL.map(detector).into_iter().chain([near_detector(), conv_detector()]) {
        detector.save(&path).unwrap();
        let loaded = Detector::load(&path, &CPU).unwrap();
        assert_eq!((loaded.config(), loaded.threshold()), (detector.config(), detector.threshold()));
        assert_eq!(loaded.judge(&normal).unwrap(), detector.judge(&normal).unwrap());
        assert_eq!(format!("{loaded}"), format!("{detector}"));
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

/// Images of another shape are refused with both shapes named.
#[test]
fn another_shape() {
    let (detector, _) = detector(Score::Kl);
    let message = detector.judge(&noise(4, (1, 28, 28))).unwrap_err().to_string();
    assert!(message.contains("(batch, 1, 3, 3)") && message.contains("[4, 1, 28, 28]"), "{message}");
    assert!(detector.error_map(&noise(4, (1, 28, 28))).is_err());
}

/// A file that is missing, cut short or has a single bit flipped, wherever, is refused, and the message names it.
#[test]
fn damaged_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("detector.safetensors");
    let refused = |what: &str| {
        let message = Detector::load(&path, &CPU).err().unwrap_or_else(|| panic!("{what} was read")).to_string();
        assert!(message.contains("detector.safetensors"), "{what}: {message}");
    };
    refused("a missing file");
    near_detector().0.save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for end in (0..whole.len()).step_by(31) {
        std::fs::write(&path, &whole[..end]).unwrap();
        refused(&format!("a file cut to {end} bytes"));
    }
    for i in (0..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[i] ^= 1 << (i % 8);
        std::fs::write(&path, &damaged).unwrap();
        refused(&format!("a file with another byte {i}"));
    }
}

/// A model is not a detector and a detector is not a model; each file says what it is. A model opens whatever its kind.
#[test]
fn files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.safetensors");
    let refused = |error: Option<Error>, what: &str| {
        let message = error.unwrap().to_string();
        assert!(message.contains("file.safetensors") && message.contains(what), "{message}");
    };
    let model = vae(MlpVaeConfig { latent: 3, ..Default::default() });
    model.save(&path).unwrap();
    refused(Detector::load(&path, &CPU).err(), "expected a detector");
    let (opened, x) = (models::open(&path, &CPU).unwrap(), noise(2, (1, 28, 28)).tensor().unwrap());
    let picture = |vae: &dyn Vae| vae.reconstruct(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(picture(opened.as_ref()), picture(&model));

    detector(Score::Kl).0.save(Path::new(&path)).unwrap();
    refused(MlpVae::open(&path, &CPU).err(), "detector");
    refused(models::open(&path, &CPU).err(), "detector");
}
