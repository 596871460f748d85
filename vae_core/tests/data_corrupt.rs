//! Corruptions against their definitions: moments, squares, a convolution in float64, and what is refused.
#![allow(clippy::unwrap_used)]

use vae_core::prelude::*;

fn apply(corruption: &str, images: &Tensor, seed: u64) -> Vec<f32> {
    let corruption: Corruption = corruption.parse().unwrap();
    corruption.apply(images, &mut Random::new(seed)).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn full(value: f32, shape: (usize, usize, usize, usize)) -> Tensor {
    Tensor::full(value, shape, &Device::Cpu).unwrap()
}

fn uniform(shape: (usize, usize, usize, usize)) -> Tensor {
    Random::new(8).uniform(shape, &Device::Cpu).unwrap()
}

/// Gaussian noise has the standard deviation that was asked for where it is not clipped, and on black the moments of a
/// normal number clipped at 0: mean σ/√2π, second moment σ²/2. All within five standard errors.
#[test]
fn gaussian_noise_has_its_moments() {
    let moments = |values: &[f32], centre: f64| {
        let n = values.len() as f64;
        let moment = |k| values.iter().map(|&x| (f64::from(x) - centre).powi(k)).sum::<f64>() / n;
        (moment(1), moment(2))
    };
    let n = 40_000f64;
    let (mean, square) = moments(&apply("gaussian:0.1", &full(0.5, (4, 1, 100, 100)), 1), 0.5);
    assert!(mean.abs() < 5.0 * 0.1 / n.sqrt(), "{mean}");
    assert!((square - 0.01).abs() < 5.0 * 0.01 * (2.0 / n).sqrt(), "{square}");
    let (mean, square) = moments(&apply("gaussian:0.2", &full(0.0, (4, 1, 100, 100)), 1), 0.0);
    assert!((mean - 0.2 / std::f64::consts::TAU.sqrt()).abs() < 5.0 * 0.2 / n.sqrt(), "{mean}");
    assert!((square - 0.02).abs() < 5.0 * 0.05 / n.sqrt(), "{square}");
}

/// Salt and pepper are equally many, together the share asked for, and the rest is untouched.
#[test]
fn salt_and_pepper_are_shared_out() {
    let n = 40_000f64;
    for share in [0.0, 0.3, 1.0] {
        let values = apply(&format!("salt-and-pepper:{share}"), &full(0.25, (4, 1, 100, 100)), 2);
        let count = |v: f32| values.iter().filter(|x| **x == v).count() as f64 / n;
        let error = 5.0 * (0.25 / n).sqrt();
        assert!((count(0.0) - share / 2.0).abs() < error && (count(1.0) - share / 2.0).abs() < error);
        assert!((count(0.0) + count(1.0) + count(0.25) - 1.0).abs() < 1e-12);
    }
}

/// Each image loses one square, in all its channels, and in time every place has been one.
#[test]
fn masks_are_squares_at_any_place() {
    let (b, c, h, w, side) = (400, 3, 6, 5, 3);
    let values = apply("mask:3", &full(1.0, (b, c, h, w)), 3);
    let mut places = std::collections::BTreeSet::new();
    for image in values.chunks(c * h * w) {
        let black: Vec<usize> = (0..h * w).filter(|i| image[*i] == 0.0).collect();
        let (top, left) = (black[0] / w, black[0] % w);
        let square: Vec<usize> = (0..side * side).map(|i| (top + i / side) * w + left + i % side).collect();
        assert_eq!(black, square);
        assert!(image.chunks(h * w).all(|channel| channel == &image[..h * w]));
        places.insert((top, left));
    }
    assert_eq!(places.len(), (h - side + 1) * (w - side + 1));
}

/// A blur is the double sum of its definition over the mirrored image, in float64.
#[test]
fn blur_is_a_convolution() {
    let (h, w, std) = (9, 7, 1.3);
    let images = uniform((2, 2, h, w));
    let x: Vec<f32> = images.flatten_all().unwrap().to_vec1().unwrap();
    let got = apply("blur:1.3", &images, 0);
    let gauss = |i: i64| (-((i * i) as f64) / (2.0 * std * std)).exp();
    let reach = 6; // ⌈4 · 1.3⌉
    let mirror = |mut i: i64, n: i64| {
        while i < 0 || i >= n {
            i = if i < 0 { -1 - i } else { 2 * n - 1 - i };
        }
        i as usize
    };
    for (place, got) in got.iter().enumerate() {
        let (plane, y, c) = (place / (h * w), (place / w % h) as i64, (place % w) as i64);
        let (mut sum, mut weights) = (0.0, 0.0);
        for i in -reach..=reach {
            for j in -reach..=reach {
                let pixel = x[plane * h * w + mirror(y + i, h as i64) * w + mirror(c + j, w as i64)];
                sum += gauss(i) * gauss(j) * f64::from(pixel);
                weights += gauss(i) * gauss(j);
            }
        }
        assert!((f64::from(*got) - sum / weights).abs() < 1e-6, "{place}");
    }
}

/// A point away from the border keeps its mass, spreads symmetrically and with the standard deviation asked for.
#[test]
fn blur_keeps_the_mass() {
    let side = 41;
    let mut values = vec![0f32; side * side];
    values[20 * side + 20] = 1.0;
    let point = Tensor::from_vec(values, (1, 1, side, side), &Device::Cpu).unwrap();
    let blurred = apply("blur:2.0", &point, 0);
    let moment = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        let at = |i: usize| f((i / side) as f64 - 20.0, (i % side) as f64 - 20.0);
        blurred.iter().enumerate().map(|(i, &v)| f64::from(v) * at(i)).sum()
    };
    assert!((moment(&|_, _| 1.0) - 1.0).abs() < 1e-5);
    assert!(moment(&|y, _| y).abs() < 1e-5 && moment(&|_, x| x).abs() < 1e-5);
    assert!((moment(&|y, _| y * y) - 4.0).abs() < 0.02); // a little less: the kernel ends at four deviations
    let whole: f32 = apply("blur:3.0", &uniform((1, 1, 12, 12)), 0).iter().sum();
    assert!((whole - uniform((1, 1, 12, 12)).sum_all().unwrap().to_scalar::<f32>().unwrap()).abs() < 1e-3);
    assert!(apply("blur:100", &full(0.5, (1, 1, 5, 4)), 0).iter().all(|x| (x - 0.5).abs() < 1e-6));
}

/// The same seed gives the same bits, another seed and the next call others; the result is in [0, 1] with the input's
/// shape and type, and a strength of 0 changes nothing.
#[test]
fn seeded_clipped_and_shaped() {
    let images = uniform((3, 2, 12, 11));
    let same: Vec<f32> = images.flatten_all().unwrap().to_vec1().unwrap();
    for kind in ["gaussian:0.7", "salt-and-pepper:0.4", "mask:4"] {
        assert_eq!(apply(kind, &images, 1), apply(kind, &images, 1), "{kind}");
        assert_ne!(apply(kind, &images, 1), apply(kind, &images, 2), "{kind}");
        let (corruption, mut random) = (kind.parse::<Corruption>().unwrap(), Random::new(1));
        let mut draw = || corruption.apply(&images, &mut random).unwrap().flatten_all().unwrap();
        assert_ne!(draw().to_vec1::<f32>().unwrap(), draw().to_vec1::<f32>().unwrap(), "{kind}");
    }
    for kind in ["gaussian:9.0", "salt-and-pepper:0.9", "mask:11", "blur:2.5"] {
        assert!(apply(kind, &images, 5).iter().all(|x| (0.0..=1.0).contains(x)), "{kind}");
        let doubles = images.to_dtype(DType::F64).unwrap();
        let out = kind.parse::<Corruption>().unwrap().apply(&doubles, &mut Random::new(5)).unwrap();
        assert_eq!((out.dims(), out.dtype()), (&[3, 2, 12, 11][..], DType::F64));
    }
    for kind in ["gaussian:0", "salt-and-pepper:0", "mask:0", "blur:0"] {
        assert_eq!(apply(kind, &images, 1), same, "{kind}");
    }
    let empty = Tensor::zeros((0, 1, 4, 4), DType::F32, &Device::Cpu).unwrap();
    assert!(apply("mask:2", &empty, 1).is_empty());
}

/// What is written reads back, in text and in JSON.
#[test]
fn written_and_read() {
    for text in ["gaussian:0.2", "salt-and-pepper:0.1", "mask:10", "blur:1.0"] {
        let corruption: Corruption = text.parse().unwrap();
        assert_eq!(corruption.to_string(), text);
        let json = serde_json::to_string(&corruption).unwrap();
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<Corruption>(&json).unwrap(), corruption);
    }
    assert!(serde_json::from_str::<Corruption>("\"gaussian:-1\"").unwrap_err().to_string().contains("mask:10"));
}

/// Nonsense is refused with the accepted forms in the message; so are wrong pixels and shapes, in words that help.
#[test]
fn nonsense_is_refused() {
    for text in [
        "",
        ":",
        "noise",
        "gaussian",
        "gaussian:",
        "gaussian:x",
        "gaussian:-0.1",
        "gaussian:NaN",
        "gaussian:inf",
        "salt-and-pepper:1.1",
        "mask:-1",
        "mask:1.5",
        "blur:-1",
        "blur:101",
        "blur:1e9",
        "Gaussian:0.2",
        "gaussian:0.2:3",
    ] {
        let message = text.parse::<Corruption>().unwrap_err().to_string();
        for form in ["gaussian:0.2", "salt-and-pepper:0.1", "mask:10", "blur:1.0"] {
            assert!(message.contains(form), "{text}: {message}");
        }
    }
    let refusal = |corruption: Corruption, images: &Tensor| {
        corruption.apply(images, &mut Random::new(1)).unwrap_err().to_string()
    };
    let gaussian = Corruption::Gaussian { std: 0.2 };
    assert!(refusal(Corruption::Gaussian { std: f64::NAN }, &uniform((1, 1, 4, 4))).contains("gaussian:0.2"));
    let text = refusal(Corruption::Mask { side: 5 }, &uniform((1, 1, 9, 4)));
    assert!(text.contains("mask:5") && text.contains("9×4"), "{text}");
    assert!(refusal(gaussian, &full(f32::NAN, (1, 1, 2, 2))).contains("NaN"));
    assert!(refusal(gaussian, &full(f32::INFINITY, (1, 1, 2, 2))).contains("inf"));
    let text = refusal(gaussian, &full(200.0, (1, 1, 2, 2)));
    assert!(text.contains("200") && text.contains("255"), "{text}");
    let text = refusal(gaussian, &uniform((1, 1, 2, 2)).flatten_from(1).unwrap());
    assert!(text.contains("(batch, channels, height, width)") && text.contains("[1, 4]"), "{text}");
}
