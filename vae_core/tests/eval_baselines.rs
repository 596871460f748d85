//! What stands beside a VAE as a detector: neighbours in pixels, principal components, maps against masks, boards of scores; each against a
//! brute force or a closed form.
#![allow(clippy::unwrap_used)]

use vae_core::{
    candle::{DType, Device, Tensor},
    data::{Data, Images},
    eval::{
        Better, Panel, PanelConfig, Pca, Ranking, Scoreboard, excess_map, nearest, neighbour_map, pixel_distances,
        pixel_ranking,
    },
    models::{MlpVae, MlpVaeConfig, Vae},
    random::Random,
};

const CPU: Device = Device::Cpu;

fn normal(shape: (usize, usize), seed: u64) -> Tensor {
    Random::new(seed).normal(shape, &CPU).unwrap()
}

fn rows(t: &Tensor) -> Vec<Vec<f64>> {
    t.to_dtype(DType::F64).unwrap().to_vec2().unwrap()
}

fn images(n: usize, seed: u64) -> Images {
    let mut random = Random::new(seed);
    let bytes = (0..n * 16).map(|_| random.below(256) as u8).collect();
    Images::new(bytes, vec![0; n], (1, 4, 4), &CPU).unwrap()
}

/// The distance of two rows, from their differences.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The neighbours are those of sorting all distances, however the new images are cut into blocks.
#[test]
fn neighbours_by_brute_force() {
    for (known, new, k) in [(40, 7, 3), (300, 600, 1), (5, 2, 5)] {
        let (known, new) = (normal((known, 20), 1), normal((new, 20), 2));
        let found = nearest(&known, &new, k).unwrap();
        let means = pixel_distances(&known, &new, k).unwrap();
        for (row, (found, mean)) in rows(&new).iter().zip(found.iter().zip(&means)) {
            let mut all: Vec<_> = rows(&known).iter().map(|other| distance(row, other)).enumerate().collect();
            all.sort_by(|a, b| a.1.total_cmp(&b.1));
            for (found, wanted) in found.iter().zip(&all) {
                assert!(found.0 == wanted.0 && (found.1 - wanted.1).abs() < 1e-5);
            }
            let wanted = all[..k].iter().map(|pair| pair.1).sum::<f64>() / k as f64;
            assert!((mean - wanted).abs() < 1e-5);
        }
    }
}

/// An image among the known ones is at distance 0 from itself, though products of float32 do not say so.
#[test]
fn a_known_image_is_its_own_neighbour() {
    let known = images(50, 3);
    for (i, near) in nearest(&known, &known, 1).unwrap().into_iter().enumerate() {
        assert_eq!(near, [(i, 0.0)]);
    }
}

/// Data along known directions: the eigenvectors of the covariance, by Jacobi's rotations, give the same errors.
#[test]
fn components_by_rotations() {
    let width = 12;
    let scales: Vec<f32> = (0..width).map(|i| 3.0 / (1.0 + i as f32)).collect();
    let mix = normal((width, width), 5);
    let x = normal((400, width), 6).broadcast_mul(&Tensor::new(scales, &CPU).unwrap()).unwrap().matmul(&mix).unwrap();
    let (mean, covariance) = covariance(&rows(&x));
    let (values, vectors) = jacobi(covariance);
    for components in [1, 4, 12] {
        let pca = Pca::fit(&x, components).unwrap();
        let errors = pca.errors(&x).unwrap();
        let mut largest: Vec<usize> = (0..width).collect();
        largest.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        for (row, error) in rows(&x).iter().zip(&errors) {
            let off: Vec<f64> = row.iter().zip(&mean).map(|(x, m)| x - m).collect();
            let along = |k: usize| (0..width).map(|i| vectors[i][k] * off[i]).sum::<f64>();
            let wanted = largest[components..].iter().map(|&k| along(k).powi(2)).sum::<f64>() / width as f64;
            assert!((error - wanted).abs() < 1e-4 * (1.0 + wanted), "{components}: {error} {wanted}");
        }
        // Over the data themselves, the error is what the eigenvalues left out say.
        let wanted = largest[components..].iter().map(|&k| values[k]).sum::<f64>() / width as f64;
        let mean_error = errors.iter().sum::<f64>() / errors.len() as f64;
        assert!((mean_error - wanted).abs() < 1e-4 * (1.0 + wanted));
    }
}

fn covariance(rows: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let (n, width) = (rows.len() as f64, rows[0].len());
    let mean: Vec<f64> = (0..width).map(|j| rows.iter().map(|row| row[j]).sum::<f64>() / n).collect();
    let entry = |i: usize, j: usize| rows.iter().map(|r| (r[i] - mean[i]) * (r[j] - mean[j])).sum::<f64>() / n;
    let matrix = (0..width).map(|i| (0..width).map(|j| entry(i, j)).collect()).collect();
    (mean, matrix)
}

/// Eigenvalues, and eigenvectors as columns, of a symmetric matrix: each rotation makes one entry 0 (Jacobi 1846).
fn jacobi(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut v: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        for p in 0..n {
            for q in p + 1..n {
                let angle = 0.5 * (2.0 * a[p][q]).atan2(a[p][p] - a[q][q]);
                let (s, c) = angle.sin_cos();
                for row in a.iter_mut().chain(v.iter_mut()) {
                    (row[p], row[q]) = (c * row[p] + s * row[q], c * row[q] - s * row[p]);
                }
                let (above, below) = a.split_at_mut(q);
                for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
                    (*x, *y) = (c * *x + s * *y, c * *y - s * *x);
                }
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), v)
}

/// As many components as numbers leave no error, fewer leave some, and the reconstruction has the images' shape.
#[test]
fn all_components_draw_everything() {
    let x = images(60, 7);
    let whole = Pca::fit(&x, 16).unwrap();
    assert!(whole.errors(&x).unwrap().iter().all(|error| *error < 1e-10));
    assert_eq!(whole.reconstruct(&x).unwrap().dims(), [60, 1, 4, 4]);
    assert!(Pca::fit(&x, 3).unwrap().errors(&x).unwrap().iter().all(|error| *error > 0.0));
}

/// On a constructed mask: the share of pairs in the right order, counted pair by pair, and channels are added.
#[test]
fn pixels_pair_by_pair() {
    let maps = Random::new(8).uniform((3, 2, 5, 6), &CPU).unwrap();
    let masks: Vec<f32> = (0..3 * 30).map(|i| f32::from(u8::from(i % 7 == 0))).collect();
    let masks = Tensor::from_vec(masks, (3, 1, 5, 6), &CPU).unwrap();
    let flat = |t: &Tensor| -> Vec<f32> { t.sum(1).unwrap().flatten_all().unwrap().to_vec1().unwrap() };
    let (scores, inside) = (flat(&maps), flat(&masks));
    let side = |wanted: f32| scores.iter().zip(&inside).filter(move |pair| *pair.1 == wanted).map(|pair| *pair.0);
    let (mut right, mut pairs) = (0.0, 0.0);
    for a in side(1.0) {
        for n in side(0.0) {
            right += if a > n {
                1.0
            } else if a == n {
                0.5
            } else {
                0.0
            };
            pairs += 1.0;
        }
    }
    let ranking = pixel_ranking(&maps, &masks).unwrap();
    assert!((ranking.auroc() - right / pairs).abs() < 1e-9 && ranking.counts() == (77, 13));
    assert_eq!(pixel_ranking(&masks, &masks).unwrap().auroc(), 1.0);
    let message = |maps: &Tensor, masks: &Tensor| pixel_ranking(maps, masks).unwrap_err().to_string();
    assert!(message(&maps, &maps).starts_with("masks: expected shape [3, 1, 5, 6]"));
    assert!(message(&maps, &(&masks * 0.5).unwrap()).contains("a mask holds 0.5"));
    assert!(message(&maps, &masks.zeros_like().unwrap()).contains("no anomalous scores"));
}

/// The map of an image's own neighbours is the squared difference from their mean; a model's excess is 0 on average over normal images.
#[test]
fn maps() {
    let (known, new) = (images(30, 9), images(4, 10));
    let map = neighbour_map(&known, &new, 2).unwrap();
    for (i, near) in nearest(&known, &new, 2).unwrap().into_iter().enumerate() {
        let mean = ((known.at(&[near[0].0]).unwrap() + known.at(&[near[1].0]).unwrap()).unwrap() * 0.5).unwrap();
        let wanted = (new.at(&[i]).unwrap() - mean).unwrap().sqr().unwrap();
        let off = (map.narrow(0, i, 1).unwrap() - wanted).unwrap().abs().unwrap().max_all().unwrap();
        assert!(off.to_scalar::<f32>().unwrap() < 1e-6);
    }
    let vae = MlpVae::new(MlpVaeConfig { image: (1, 4, 4), hidden: vec![8], latent: 2, ..Default::default() }, &CPU, 1);
    let excess = excess_map(&vae.unwrap(), &known, &known).unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
    assert!(excess.abs() < 1e-6);
}

/// A panel asks all of its questions of every image, the baselines among them as they are by themselves.
#[test]
fn panels() {
    let (known, held_out, new) = (images(60, 11), images(41, 12), images(9, 13));
    let config = MlpVaeConfig { image: (1, 4, 4), hidden: vec![8], latent: 2, ..Default::default() };
    let vae = MlpVae::new(config, &CPU, 1).unwrap();
    let panel = Panel::new(&vae, &known, &held_out, PanelConfig { samples: 2, ..Default::default() }).unwrap();
    let answers = panel.ask(&new).unwrap();
    assert_eq!(answers.iter().map(|answer| answer.0).collect::<Vec<_>>(), Panel::questions());
    assert!(answers.iter().all(|answer| answer.1.len() == Data::len(&new)));
    let of = |name: &str| answers.iter().find(|answer| answer.0 == name).unwrap().1.clone();
    assert_eq!(of("pixels"), pixel_distances(&known, &new, 3).unwrap());
    assert_eq!(of("pca"), Pca::fit(&known, vae.latent()).unwrap().errors(&new).unwrap());
}

/// What a line catches at a rate of false alarms, by counting at every threshold.
#[test]
fn caught_by_counting() {
    let list = |n, mean: f64, seed| -> Vec<f64> {
        rows(&normal((1, n), seed))[0].iter().map(|x| ((x + mean) * 4.0).round()).collect()
    };
    let (normal, strange) = (list(90, 0.0, 14), list(70, 1.0, 15));
    let ranking = Ranking::new(&normal, &strange).unwrap();
    let share = |list: &[f64], line: f64| list.iter().filter(|x| **x > line).count() as f64 / list.len() as f64;
    for rate in [0.0, 0.05, 0.3, 1.0] {
        let lines = normal.iter().chain(&strange).copied().chain([f64::NEG_INFINITY, f64::INFINITY]);
        let allowed = lines.filter(|line| share(&normal, *line) <= rate);
        let wanted = allowed.map(|line| share(&strange, line)).fold(0.0, f64::max);
        assert_eq!(ranking.caught_at(rate), wanted, "{rate}");
    }
}

/// The bootstrap's standard error of an AUROC is Hanley and McNeil's (1982), from the moments of two Gaussians' scores.
#[test]
fn bootstrap_error() {
    let scores = |n, mean: f64, seed| -> Vec<f64> { rows(&normal((1, n), seed))[0].iter().map(|x| x + mean).collect() };
    let (normal, strange) = (scores(400, 0.0, 16), scores(300, 1.0, 17));
    let ranking = Ranking::new(&normal, &strange).unwrap();
    // The variance by DeLong et al. (1988): that of the placements of each side among the other.
    let placement = |x: f64, others: &[f64]| others.iter().filter(|o| **o < x).count() as f64 / others.len() as f64;
    let variance = |list: Vec<f64>| {
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        list.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (list.len() - 1) as f64 / list.len() as f64
    };
    let of_strange = variance(strange.iter().map(|s| placement(*s, &normal)).collect());
    let of_normal = variance(normal.iter().map(|n| placement(*n, &strange)).collect());
    let wanted = (of_strange + of_normal).sqrt();
    let interval = ranking.bootstrap(Ranking::auroc, 1_000, 0.95, 1).unwrap();
    assert!((interval.error / wanted - 1.0).abs() < 0.1, "{} {wanted}", interval.error);
}

/// A board gathers repetitions, knows ties by their errors, reads what the workflow wrote, and says which rows and groups there are.
#[test]
fn boards() {
    let mut board = Scoreboard::new();
    for (a, b) in [(20.0, 21.0), (20.2, 20.8), (19.8, 21.2)] {
        board.add("gaussian", "a", a);
        board.add("gaussian", "b", b);
    }
    board.add_with_error("mask", "a", 13.0, 0.2);
    board.add_with_error("mask", "b", 12.7, 0.2);
    assert_eq!(board.cell("gaussian", "a").unwrap().written(2), "20.00 ± 0.12");
    assert_eq!(board.best("gaussian", &["a", "b"], Better::Larger), ["b"]);
    assert_eq!(board.best("gaussian", &["a", "b"], Better::Smaller), ["a"]);
    assert_eq!(board.best("mask", &["a", "b"], Better::Larger), ["a", "b"]); // 0.3 apart, twice 0.28 allowed
    assert!(board.cell("blur", "a").unwrap_err().to_string().contains("the rows are gaussian, mask"));
    let table = board.table("noise", &["a", "b"], 1, Better::Larger).to_html();
    assert!(table.contains(">21.0 ± 0.1 ×<") && table.contains(">13.0 ± 0.2 ×<") && !table.contains("20.0 ± 0.1 ×"));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.json");
    let text = r#"{"made": "Made by hand.", "rows": [{"label": "3", "group": "digits", "cells": {"KL": {"mean": 0.7, "error": 0.1},
        "published": {"text": "86"}}}, {"label": "bag", "group": "garments", "cells": {"KL": {"mean": 0.6}}}]}"#;
    std::fs::write(&path, text).unwrap();
    let read = Scoreboard::read(&path).unwrap();
    assert_eq!(
        (read.made.as_str(), read.rows(), read.columns()),
        ("Made by hand.", vec!["3".into(), "bag".into()], vec!["KL".into()])
    );
    assert_eq!(read.group("digits").unwrap().cell("3", "KL").unwrap().to_string(), "0.700 ± 0.100");
    assert!(read.group("shoes").unwrap_err().to_string().contains(r#"expected one of ["digits", "garments"]"#));
    std::fs::write(&path, "{}").unwrap();
    assert!(Scoreboard::read(&path).unwrap_err().to_string().contains("has no rows"));
}

/// Neighbours and components of nothing, of other shapes, too many or of NaN are refused, saying what was expected.
#[test]
fn refusals() {
    let x = normal((5, 4), 18);
    let message = |result: vae_core::Result<Vec<f64>>| result.unwrap_err().to_string();
    assert_eq!(message(pixel_distances(&x, &x, 6)), "the 6 nearest of 5 images: expected between 1 and 5 neighbours");
    assert!(message(pixel_distances(&x, &normal((5, 3), 1), 1)).contains("new images: expected shape [4]"));
    assert!(message(pixel_distances(&(&x * f64::NAN).unwrap(), &x, 1)).contains("image 0 has a pixel that is NaN"));
    let pca = |components| Pca::fit(&x, components).map(|_| vec![]);
    assert_eq!(message(pca(5)), "5 principal components of 4 numbers: expected between 1 and 4");
    assert!(message(Pca::fit(&x, 2).unwrap().errors(&normal((2, 3), 1))).contains("of 4 numbers"));
}
