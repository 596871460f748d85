//! The exercises of notebook 06, Anomaly detection.

use super::Exercise;
use crate::eval::Ranking;

/// 1 · The AUROC of (normal, anomalous) scores, with ties.
pub fn auroc(answer: impl Fn(&[f64], &[f64]) -> f64) {
    let cases = [
        (vec![0.1, 0.2, 0.2, 0.5, 0.5, 0.9], vec![0.2, 0.5, 0.5, 0.8, 0.95]),
        (vec![0.1, 0.4], vec![0.35, 0.8]),
        (vec![1.0, 1.0, 2.0], vec![1.0, 0.5]),
    ];
    let pairs = |tie: f64| {
        let share = |(normal, strange): &(Vec<f64>, Vec<f64>)| {
            let pair = |n: &f64, s: &f64| {
                if s > n {
                    1.0
                } else if s == n {
                    tie
                } else {
                    0.0
                }
            };
            let sum: f64 = normal.iter().map(|n| strange.iter().map(|s| pair(n, s)).sum::<f64>()).sum();
            sum / (normal.len() * strange.len()) as f64
        };
        cases.iter().map(share).collect::<Vec<_>>()
    };
    let right = cases.iter().map(|(normal, strange)| Ranking::new(normal, strange).map_or(f64::NAN, |r| r.auroc()));
    Exercise::new("AUROC with ties")
        .slip("equal scores count half", pairs(0.0))
        .slip("equal scores count half, not whole", pairs(1.0))
        .slip("that is the share of pairs in the wrong order", pairs(0.5).iter().map(|x| 1.0 - x).collect::<Vec<_>>())
        .check(
            cases.iter().map(|(normal, strange)| answer(normal, strange)).collect::<Vec<_>>(),
            right.collect::<Vec<_>>(),
        );
}

/// 2 · The share of flagged images that are anomalous: 5 % false alarms, 95 % caught, one image in a thousand anomalous.
pub fn precision(answer: f64) {
    let (caught, alarms, rare) = (0.95, 0.05, 0.001);
    Exercise::new("precision")
        .slip("that is the share of anomalous images that are flagged; asked is the share of flagged images that are anomalous", caught)
        .slip("the normal images that are flagged are missing in the denominator", caught * rare)
        .slip("that is the share of flagged images that are normal", alarms * (1.0 - rare) / (caught * rare + alarms * (1.0 - rare)))
        .within(0.01)
        .check(answer, caught * rare / (caught * rare + alarms * (1.0 - rare)));
}

/// 3 · How many held-out images a false-positive rate of 0.2 % needs.
pub fn held_out(answer: f64) {
    Exercise::new("held-out images")
        .slip("one too many: the new image has a place of its own among them", 500.0)
        .slip("that is for 1 %", 99.0)
        .check(answer, 499.0);
}

/// 4 · The AUROC of the sum of two independent scores, each N(0, 1) on normal and N(1, 1) on anomalous images.
pub fn sum_of_two(answer: f64) {
    Exercise::new("AUROC of the sum")
        .slip("that is the AUROC of one of them: the sum knows more", 0.760_25)
        .slip(
            "that is the chance that at least one of them orders a pair right; it does not say which",
            1.0 - 0.239_75f64.powi(2),
        )
        .slip("the sum is two apart, but its variance is two as well", 0.921_35)
        .within(0.005)
        .check(answer, 0.841_345);
}
