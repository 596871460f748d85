//! The exercises of notebook 02, Reparameterization.

use super::Exercise;

/// 1 · ∂/∂λ of f(z) = z² at z = −ln(u)/λ, of (λ, u).
pub fn exponential_gradient(answer: impl Fn(f64, f64) -> f64) {
    let (lambda, us) = (1.5, [0.05f64, 0.3, 0.5, 0.99]);
    let z = |u: f64| -u.ln() / lambda;
    Exercise::new("pathwise gradient at λ = 1.5")
        .slip("that is f′(z); z itself depends on λ", us.map(|u| 2.0 * z(u)))
        .slip("that is ∂z/∂λ; f has a slope, too", us.map(|u| -z(u) / lambda))
        .check(us.map(|u| answer(lambda, u)), us.map(|u| -2.0 * z(u).powi(2) / lambda));
}

/// 2 · The mean of (fᵢ − bᵢ) sᵢ, with bᵢ the mean of the other values, of (f, s).
pub fn leave_one_out(answer: impl Fn(&[f64], &[f64]) -> f64) {
    let cases = [(vec![4.0, 1.0, 9.0], vec![0.5, -1.0, 2.0]), (vec![1.0, 1.0, 1.0, 5.0], vec![0.3, 2.0, -1.0, 0.5])];
    let estimate = |(f, s): &(Vec<f64>, Vec<f64>), baseline: fn(sum: f64, own: f64, n: f64) -> f64| {
        let (sum, n) = (f.iter().sum(), f.len() as f64);
        f.iter().zip(s).map(|(f, s)| (f - baseline(sum, *f, n)) * s).sum::<f64>() / n
    };
    let all = |baseline| [estimate(&cases[0], baseline), estimate(&cases[1], baseline)];
    Exercise::new("leave-one-out")
        .slip("there is no baseline yet", all(|_, _, _| 0.0))
        .slip("the baseline holds the draw's own value, which biases it", all(|sum, _, n| sum / n))
        .slip("the others are n − 1", all(|sum, own, n| (sum - own) / n))
        .check(
            [answer(&cases[0].0, &cases[0].1), answer(&cases[1].0, &cases[1].1)],
            all(|sum, own, n| (sum - own) / (n - 1.0)),
        );
}

/// 3 · How many draws bring the standard error of ∂/∂μ to 1 % of the gradient, at μ = 1, k = 3, σ = 0.1: score function, with a
/// baseline, pathwise.
pub fn draws_needed(answer: [f64; 3]) {
    let variances = [1656.15, 32.1, 0.04];
    Exercise::new("draws for 1 %")
        .slip(
            "those are the standard deviations' ratios; draws go with variances",
            variances.map(|v: f64| v.sqrt() / 0.04),
        )
        .slip("that is for an error of 0.01; 1 % of the gradient is 0.04", variances.map(|v| v / 0.01f64.powi(2)))
        .within(0.001)
        .check(answer, variances.map(|v| v / 0.04f64.powi(2)));
}

/// 4 · The ω at which both estimators of ∂/∂μ E sin(ωz) have one variance, at μ = σ = 1.
pub fn crossing(answer: f64) {
    // Score function less pathwise: positive where the slope is the better question.
    let lead = |w: f64| {
        let cos = (2.0 * w).cos() * (-2.0 * w * w).exp();
        0.5 * (1.0 - cos * (1.0 - 4.0 * w * w)) - 0.5 * w * w * (1.0 + cos)
    };
    let (mut low, mut high) = (0.3, 3.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if lead(middle) > 0.0 { low = middle } else { high = middle }
    }
    Exercise::new("where the curves cross").within(0.02).check(answer, low);
}
