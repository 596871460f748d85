//! The exercises of notebook 01, The ELBO.

use super::Exercise;

/// 1 · KL(N(m₁, s₁²) ‖ N(m₂, s₂²)), of (m₁, s₁, m₂, s₂).
pub fn kl_between(answer: impl Fn(f64, f64, f64, f64) -> f64) {
    let cases = [[0.0, 1.0, 0.0, 1.0], [1.0, 0.5, 0.0, 1.0], [0.0, 1.0, 1.0, 0.5], [-2.0, 3.0, 1.5, 0.8]];
    let kl =
        |[m1, s1, m2, s2]: [f64; 4]| 0.5 * ((s1 / s2).powi(2) + ((m1 - m2) / s2).powi(2) - 1.0 - 2.0 * (s1 / s2).ln());
    let swapped = |[m1, s1, m2, s2]: [f64; 4]| kl([m2, s2, m1, s1]);
    let to_the_prior = |[m1, s1, ..]: [f64; 4]| kl([m1, s1, 0.0, 1.0]);
    Exercise::new("KL between Gaussians")
        .slip("the two have changed places: the average is over the first", cases.map(swapped))
        .slip("that is the KL to N(0, 1), whatever the second is", cases.map(to_the_prior))
        .slip("the constant is missing: a KL to itself is 0", cases.map(|case| kl(case) + 0.5))
        .check(cases.map(|[m1, s1, m2, s2]| answer(m1, s1, m2, s2)), cases.map(kl));
}

/// 2 · The variances of the diagonal q nearest to a posterior with the precision matrix Λ.
pub fn best_variances(answer: impl Fn(&[[f64; 2]; 2]) -> [f64; 2]) {
    let lambda = [[4.0, 1.5], [1.5, 2.0]];
    let det = lambda[0][0] * lambda[1][1] - lambda[0][1] * lambda[1][0];
    Exercise::new("variances of the best diagonal q")
        .slip(
            "those are the posterior's own variances, too wide for a q without correlation",
            [lambda[1][1] / det, lambda[0][0] / det],
        )
        .slip("those are precisions; a variance is one over it", [lambda[0][0], lambda[1][1]])
        .check(answer(&lambda), [1.0 / lambda[0][0], 1.0 / lambda[1][1]]);
}

/// 3 · The mean over groups of k of the logarithm of the mean weight, from log-weights.
pub fn importance_weighted(answer: impl Fn(&[f64], usize) -> f64) {
    let log_w: Vec<f64> = (0..24).map(|i| (f64::from(i) * 1.7).sin() * 3.0 - 5.0).collect();
    let ks = [1, 2, 4, 8];
    let bound = |k: usize| {
        let groups = log_w.chunks_exact(k).map(|group| (group.iter().map(|w| w.exp()).sum::<f64>() / k as f64).ln());
        groups.sum::<f64>() / (log_w.len() / k) as f64
    };
    let elbo = bound(1);
    Exercise::new("importance-weighted bound")
        .slip("that is the ELBO, for every K", [elbo; 4])
        .slip("the weights are summed, not averaged", ks.map(|k| bound(k) + (k as f64).ln()))
        .slip("that is one group of all draws, for every K", [bound(24); 4])
        .check(ks.map(|k| answer(&log_w, k)), ks.map(bound));
}

/// 4 · The least gap in nats that a diagonal q leaves where the posterior's correlation is 0.9.
pub fn price_of_correlation(answer: f64) {
    let rest = 1.0 - 0.9f64.powi(2);
    Exercise::new("the price of a correlation of 0.9")
        .slip("a half is missing", -rest.ln())
        .slip("the correlation is to be squared", -0.5 * 0.1f64.ln())
        .within(0.005)
        .check(answer, -0.5 * rest.ln());
}
