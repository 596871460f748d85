//! Errors, PSNR, SSIM and the median filter against direct implementations, closed forms and hostile input.
#![allow(clippy::unwrap_used)]

use vae_core::{
    eval::recon::{self, Quality},
    prelude::*,
};

fn uniform(shape: (usize, usize, usize, usize), seed: u64) -> Tensor {
    Random::new(seed).uniform(shape, &Device::Cpu).unwrap()
}

fn full(value: f32) -> Tensor {
    Tensor::full(value, (1, 1, 14, 12), &Device::Cpu).unwrap()
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The errors of each image are those of its own pixels, written out, and the PSNR follows from them.
#[test]
fn errors_are_per_image() {
    let shape = (3, 2, 11, 12);
    let (x, y) = (uniform(shape, 1), uniform(shape, 2));
    let (mse, mae, psnr) = (recon::mse(&x, &y).unwrap(), recon::mae(&x, &y).unwrap(), recon::psnr(&x, &y).unwrap());
    for i in 0..3 {
        let [a, b] = [&x, &y].map(|t| values(&t.narrow(0, i, 1).unwrap()));
        let n = a.len() as f64;
        let square = a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / n;
        let absolute = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f64>() / n;
        assert!((mse[i] - square).abs() < 1e-12 && (mae[i] - absolute).abs() < 1e-12);
        assert!((psnr[i] - 20.0 * (1.0 / square.sqrt()).log10()).abs() < 1e-9);
    }
}

/// SSIM is the double sum of its definition: normalized two-dimensional weights, central moments, windows inside the
/// image.
#[test]
fn ssim_is_its_definition() {
    let (b, c, h, w) = (2, 3, 15, 13);
    let x = uniform((b, c, h, w), 3);
    let y = ((&x * 0.7).unwrap() + (uniform((b, c, h, w), 4) * 0.3).unwrap()).unwrap();
    let got = recon::ssim(&x, &y).unwrap();
    let (xs, ys) = (values(&x), values(&y));
    let gauss = |i: usize, j: usize| {
        let square = (i as f64 - 5.0).powi(2) + (j as f64 - 5.0).powi(2);
        (-square / (2.0 * 1.5 * 1.5)).exp()
    };
    let total: f64 = (0..121).map(|k| gauss(k / 11, k % 11)).sum();
    for (image, got) in got.iter().enumerate() {
        let (mut sum, mut count) = (0.0, 0.0);
        for (channel, top, left) in
            (0..c * (h - 10) * (w - 10)).map(|k| (k / ((h - 10) * (w - 10)), k / (w - 10) % (h - 10), k % (w - 10)))
        {
            let place = |k: usize| ((image * c + channel) * h + top + k / 11) * w + left + k % 11;
            let mean = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
                (0..121).map(|k| gauss(k / 11, k % 11) * f(xs[place(k)], ys[place(k)])).sum::<f64>() / total
            };
            let (mx, my) = (mean(&|x, _| x), mean(&|_, y| y));
            let (vx, vy) = (mean(&|x, _| (x - mx).powi(2)), mean(&|_, y| (y - my).powi(2)));
            let cov = mean(&|x, y| (x - mx) * (y - my));
            let luminance = (2.0 * mx * my + 0.0001) / (mx * mx + my * my + 0.0001);
            sum += luminance * (2.0 * cov + 0.0009) / (vx + vy + 0.0009);
            count += 1.0;
        }
        assert!((got - sum / count).abs() < 1e-9, "{got} {}", sum / count);
    }
}

/// Equal images have SSIM 1, error 0 and an infinite PSNR; SSIM is symmetric; flat images have the closed form.
#[test]
fn identities() {
    let (x, y) = (uniform((2, 1, 14, 12), 5), uniform((2, 1, 14, 12), 6));
    assert!(recon::ssim(&x, &x).unwrap().iter().all(|s| (s - 1.0).abs() < 1e-12));
    assert!(recon::psnr(&x, &x).unwrap().iter().all(|p| *p == f64::INFINITY));
    for (a, b) in recon::ssim(&x, &y).unwrap().iter().zip(recon::ssim(&y, &x).unwrap()) {
        assert!((a - b).abs() < 1e-12 && *a < 0.5);
    }
    for (a, b) in [(0.0, 1.0), (0.25, 0.5), (0.75, 0.75)] {
        let closed = (2.0 * a * b + 1e-4) / (a * a + b * b + 1e-4);
        assert!((recon::ssim(&full(a as f32), &full(b as f32)).unwrap()[0] - closed).abs() < 1e-9, "{a} {b}");
    }
    assert!((recon::psnr(&full(0.0), &full(1.0)).unwrap()[0]).abs() < 1e-12); // 0 dB: as wrong as can be
}

/// The means of a set are those of its images; an image that is equal to its reference is counted and kept out of the
/// PSNR.
#[test]
fn quality_of_a_set() {
    let (x, y) = (uniform((3, 1, 14, 12), 5), uniform((3, 1, 14, 12), 6));
    let y = Tensor::cat(&[&y.narrow(0, 0, 2).unwrap(), &x.narrow(0, 2, 1).unwrap()], 0).unwrap();
    let quality = Quality::of(&x, &y).unwrap();
    let psnr = recon::psnr(&x, &y).unwrap();
    assert_eq!((quality.images, quality.equal), (3, 1));
    assert!((quality.psnr - (psnr[0] + psnr[1]) / 2.0).abs() < 1e-12);
    assert!((quality.mse - recon::mse(&x, &y).unwrap().iter().sum::<f64>() / 3.0).abs() < 1e-12);
    assert!((quality.ssim - recon::ssim(&x, &y).unwrap().iter().sum::<f64>() / 3.0).abs() < 1e-12);
    assert!(quality.to_string().contains("3 images") && quality.to_string().contains("1 equal"), "{quality}");
    assert_eq!(Quality::of(&x, &x).unwrap().psnr, f64::INFINITY);
}

/// The median filter takes the middle of the sorted neighbours, removes single pixels, and leaves flat images alone.
#[test]
fn medians() {
    let (h, w) = (7, 6);
    let x = uniform((2, 2, h, w), 7);
    let (got, x) = (values(&recon::median_filter(&x, 3).unwrap()), values(&x));
    for (place, got) in got.iter().enumerate() {
        let (plane, y, c) = (place / (h * w), (place / w % h) as i64, (place % w) as i64);
        let mirror = |i: i64, n: usize| if i < 0 { 0 } else { (i as usize).min(n - 1) }; // one pixel beyond the border
        let mut near: Vec<f64> =
            (0..9).map(|k| x[(plane * h + mirror(y + k / 3 - 1, h)) * w + mirror(c + k % 3 - 1, w)]).collect();
        near.sort_by(f64::total_cmp);
        assert_eq!(*got, near[4], "{place}");
    }
    let speck =
        Tensor::from_vec((0..168).map(|i| if i == 80 { 1f32 } else { 0.25 }).collect(), (1, 1, 14, 12), &Device::Cpu);
    assert_eq!(values(&recon::median_filter(&speck.unwrap(), 5).unwrap()), values(&full(0.25)));
    for size in [0, 2, 33] {
        assert!(recon::median_filter(&full(0.0), size).unwrap_err().to_string().contains("odd"), "{size}");
    }
    assert_eq!(values(&recon::median_filter(&full(0.5), 31).unwrap()), values(&full(0.5)));
}

/// Other shapes, too few dimensions, images below the window, NaN and empty sets are refused in words.
#[test]
fn nonsense_is_refused() {
    let x = uniform((2, 1, 14, 12), 1);
    let text = recon::mse(&x, &uniform((2, 1, 12, 14), 1)).unwrap_err().to_string();
    assert!(text.contains("[2, 1, 12, 14]") && text.contains("[2, 1, 14, 12]"), "{text}");
    let flat = x.flatten_from(1).unwrap();
    assert!(recon::psnr(&flat, &flat).unwrap_err().to_string().contains("(batch, channels, height, width)"));
    let small = uniform((1, 1, 14, 10), 1);
    assert!(recon::ssim(&small, &small).unwrap_err().to_string().contains("11 or more"));
    assert!(recon::mae(&full(f32::NAN), &full(0.0)).unwrap_err().to_string().contains("NaN"));
    assert!(recon::ssim(&full(0.0), &full(f32::INFINITY)).unwrap_err().to_string().contains("inf"));
    let empty = x.narrow(0, 0, 0).unwrap();
    assert!(recon::mse(&empty, &empty).unwrap().is_empty());
    assert!(Quality::of(&empty, &empty).unwrap_err().to_string().contains("at least one"));
    let none = Tensor::zeros((2, 1, 0, 5), DType::F32, &Device::Cpu).unwrap();
    assert!(recon::mse(&none, &none).unwrap_err().to_string().contains("1 or more"));
}
