//! AUROC, average precision, ROC curves and bootstrap intervals against pair counting, closed forms and scikit-learn.
#![allow(clippy::unwrap_used)]

use vae_core::{eval::Ranking, random::Random};

/// `n` draws from N(mean, 1), rounded to multiples of `step` where it is not 0, which makes ties.
fn normal_scores(n: usize, mean: f64, step: f64, seed: u64) -> Vec<f64> {
    let mut values = vec![0f32; n];
    Random::new(seed).fill_normal(&mut values);
    let round = |x: f64| if step == 0.0 { x } else { (x / step).round() * step };
    values.into_iter().map(|x| round(f64::from(x) + mean)).collect()
}

/// The share of pairs in the right order, counted pair by pair.
fn pair_counting(normal: &[f64], anomalous: &[f64]) -> f64 {
    let pair = |n: &f64, a: &f64| if a > n { 1.0 } else { f64::from(u8::from(a == n)) / 2.0 };
    let pairs: f64 = normal.iter().map(|n| anomalous.iter().map(|a| pair(n, a)).sum::<f64>()).sum();
    pairs / (normal.len() * anomalous.len()) as f64
}

/// Precision at each threshold, found by going through all scores again.
fn precision_by_threshold(normal: &[f64], anomalous: &[f64]) -> f64 {
    let at_least = |scores: &[f64], t: f64| scores.iter().filter(|&&score| score >= t).count() as f64;
    let mut thresholds = [normal, anomalous].concat();
    thresholds.sort_by(|a, b| b.total_cmp(a));
    thresholds.dedup();
    let (mut sum, mut before) = (0.0, 0.0);
    for t in thresholds {
        let (caught, wrong) = (at_least(anomalous, t), at_least(normal, t));
        let recall = caught / anomalous.len() as f64;
        sum += (recall - before) * caught / (caught + wrong);
        before = recall;
    }
    sum
}

/// Both measures agree with brute force, with no ties, some and almost nothing else.
#[test]
fn brute_force() {
    for (i, step) in [0.0, 0.25, 2.0].into_iter().enumerate() {
        for (n, a, shift) in [(1, 1, 0.0), (1, 40, 1.0), (37, 2, -1.0), (200, 150, 0.7)] {
            let (normal, anomalous) = (normal_scores(n, 0.0, step, i as u64), normal_scores(a, shift, step, 50));
            let ranking = Ranking::new(&normal, &anomalous).unwrap();
            assert_eq!(ranking.counts(), (n, a));
            assert!((ranking.auroc() - pair_counting(&normal, &anomalous)).abs() < 1e-12);
            let precision = precision_by_threshold(&normal, &anomalous);
            assert!((ranking.average_precision() - precision).abs() < 1e-12);
        }
    }
}

/// Closed forms: perfect, reversed and all equal; two Gaussians a distance d apart have Φ(d/√2).
#[test]
fn closed_forms() {
    let measures = |normal: &[f64], anomalous: &[f64]| {
        let ranking = Ranking::new(normal, anomalous).unwrap();
        (ranking.auroc(), ranking.average_precision())
    };
    assert_eq!(measures(&[1.0, 2.0], &[3.0, 4.0]), (1.0, 1.0));
    assert_eq!(measures(&[3.0, 4.0], &[1.0, 2.0]), (0.0, (1.0 / 3.0 + 2.0 / 4.0) / 2.0));
    assert_eq!(measures(&[5.0; 30], &[5.0; 10]), (0.5, 0.25));
    assert_eq!(measures(&[0.0], &[-0.0]), (0.5, 0.5));
    // Φ(1/√2) = 0.7602499; the standard error of 20,000 pairs of scores is about 0.0024.
    let auroc = measures(&normal_scores(20_000, 0.0, 0.0, 1), &normal_scores(20_000, 1.0, 0.0, 2)).0;
    assert!((auroc - 0.760_249_9).abs() < 0.01, "{auroc}");
}

/// The numbers of scikit-learn, with ties.
///
/// ```python
/// import numpy as np                                                          # scikit-learn 1.9.1
/// from sklearn.metrics import roc_auc_score, average_precision_score, roc_curve
/// i = np.arange(300)
/// n, a = np.floor(37 * np.sin(i)), np.floor(37 * np.sin(2.5 * i[:170]) + 15)
/// y, s = np.r_[np.zeros(300), np.ones(170)], np.r_[n, a]
/// print(roc_auc_score(y, s), average_precision_score(y, s))  # 0.6651764705882353 0.6185202651879542
/// y, s = [0] * 6 + [1] * 5, [.1, .2, .2, .5, .5, .9, .2, .5, .5, .8, .95]
/// print(roc_auc_score(y, s), average_precision_score(y, s))  # 0.7000000000000001 0.6619047619047618
/// print(roc_curve(y, s, drop_intermediate=False))            # the points below
/// ```
#[test]
fn scikit_learn() {
    let wave = |n: usize, speed: f64, shift: f64| -> Vec<f64> {
        (0..n).map(|i| (37.0 * (speed * i as f64).sin() + shift).floor()).collect()
    };
    let ranking = Ranking::new(&wave(300, 1.0, 0.0), &wave(170, 2.5, 15.0)).unwrap();
    assert!((ranking.auroc() - 0.6651764705882353).abs() < 1e-12);
    assert!((ranking.average_precision() - 0.6185202651879542).abs() < 1e-12);

    let ranking = Ranking::new(&[0.1, 0.2, 0.2, 0.5, 0.5, 0.9], &[0.2, 0.5, 0.5, 0.8, 0.95]).unwrap();
    assert!((ranking.auroc() - 0.7).abs() < 1e-12);
    assert!((ranking.average_precision() - 0.6619047619047618).abs() < 1e-12);
    let points = ranking.roc();
    let want = [
        (0.0, 0.0, f64::INFINITY),
        (0.0, 0.2, 0.95),
        (1.0 / 6.0, 0.2, 0.9),
        (1.0 / 6.0, 0.4, 0.8),
        (0.5, 0.8, 0.5),
        (5.0 / 6.0, 1.0, 0.2),
        (1.0, 1.0, 0.1),
    ];
    assert_eq!(points.len(), want.len());
    for (point, (false_positive_rate, true_positive_rate, score)) in points.iter().zip(want) {
        assert!((point.false_positive_rate - false_positive_rate).abs() < 1e-12);
        assert!((point.true_positive_rate - true_positive_rate).abs() < 1e-12 && point.score == score);
    }
}

/// The area under the curve that is drawn, by trapezoids, is the AUROC, though straight runs are one step.
#[test]
fn the_curve_has_that_area() {
    for step in [0.0, 0.5] {
        let ranking = Ranking::new(&normal_scores(500, 0.0, step, 5), &normal_scores(300, 1.0, step, 6)).unwrap();
        let points = ranking.roc();
        let area: f64 = points
            .windows(2)
            .map(|pair| {
                let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
                width * (pair[0].true_positive_rate + pair[1].true_positive_rate) / 2.0
            })
            .sum();
        assert!((area - ranking.auroc()).abs() < 1e-12);
        assert!(points.len() < 600);
        let last = points.last().unwrap();
        assert_eq!((last.false_positive_rate, last.true_positive_rate), (1.0, 1.0));
    }
}

/// Splitting by label puts every score on its side.
#[test]
fn labels_split() {
    let ranking = Ranking::by_label(&[0.1, 0.9, 0.2, 0.8], &[3, 7, 3, 5], |label| label == 3).unwrap();
    assert_eq!((ranking.counts(), ranking.auroc()), ((2, 2), 1.0));
    let message = Ranking::by_label(&[0.1], &[3, 7], |label| label == 3).unwrap_err().to_string();
    assert_eq!(message, "1 scores with 2 labels: expected one for each");
}

/// Of 400 intervals at 90 %, each from scores of two Gaussians drawn anew, about 90 % hold the true AUROC.
#[test]
fn intervals_cover() {
    let (repeats, mut covered) = (400, 0);
    for i in 0..repeats {
        let (normal, anomalous) = (normal_scores(80, 0.0, 0.0, 2 * i), normal_scores(60, 1.0, 0.0, 2 * i + 1));
        let ranking = Ranking::new(&normal, &anomalous).unwrap();
        let interval = ranking.bootstrap(Ranking::auroc, 300, 0.9, i).unwrap();
        assert!(interval.low <= interval.estimate && interval.estimate <= interval.high);
        covered += usize::from((interval.low..=interval.high).contains(&0.760_249_9));
    }
    // 360 expected, with a standard deviation of 6; the percentile bootstrap is a little short for sets this small.
    assert!((340..=380).contains(&covered), "{covered} of {repeats}");
}

/// An interval repeats with its seed, and its ends are the order statistics that its level says.
#[test]
fn intervals_repeat() {
    let ranking = Ranking::new(&normal_scores(30, 0.0, 0.0, 1), &normal_scores(30, 1.0, 0.0, 2)).unwrap();
    let interval = |level, seed| ranking.bootstrap(Ranking::average_precision, 200, level, seed).unwrap();
    assert_eq!(interval(0.95, 1), interval(0.95, 1));
    assert_ne!(interval(0.95, 1), interval(0.95, 2));
    assert!(interval(0.8, 1).low > interval(0.99, 1).low && interval(0.8, 1).high < interval(0.99, 1).high);
    assert!(interval(0.95, 1).to_string().starts_with(&format!("{:.3} [", ranking.average_precision())));
}

/// One class alone, NaN and infinite scores, impossible levels and too few resamples are refused, saying which.
#[test]
fn refusals() {
    let message = |normal: &[f64], anomalous: &[f64]| Ranking::new(normal, anomalous).unwrap_err().to_string();
    assert!(message(&[], &[1.0]).contains("no normal scores"));
    assert!(message(&[1.0], &[]).contains("no anomalous scores"));
    assert!(message(&[1.0, f64::NAN], &[1.0]).contains("score 1 of the normal images is NaN"));
    assert!(message(&[1.0], &[f64::INFINITY]).contains("score 0 of the anomalous images is inf"));
    let ranking = Ranking::new(&[0.0], &[1.0]).unwrap();
    for level in [0.0, 1.0, f64::NAN] {
        assert!(ranking.bootstrap(Ranking::auroc, 100, level, 0).is_err());
    }
    let message = ranking.bootstrap(Ranking::auroc, 39, 0.95, 0).unwrap_err().to_string();
    assert!(message.contains("expected 40 or more"), "{message}");
    assert!(ranking.bootstrap(Ranking::auroc, 40, 0.95, 0).is_ok());
}
