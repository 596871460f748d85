//! Values, gradients and errors of formulas.

use candle_core::{DType, Device, Tensor, Var};

use super::*;

const CPU: Device = Device::Cpu;

fn var(values: &[f64]) -> Var {
    Var::new(values, &CPU).unwrap()
}

fn numbers(x: Formula) -> Vec<f64> {
    x.tensor().unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Each function has the value of its namesake in Rust, and the slope of a central difference.
#[test]
fn functions_and_their_slopes() {
    type Case = (&'static str, fn(&Tensor) -> Formula, fn(f64) -> f64);
    let cases: [Case; 10] = [
        ("exp", |x| exp(x), f64::exp),
        ("ln", |x| ln(x), f64::ln),
        ("sqr", |x| sqr(x), |x| x * x),
        ("sqrt", |x| sqrt(x), f64::sqrt),
        ("abs", |x| abs(x), f64::abs),
        ("relu", |x| relu(x), |x| x.max(0.0)),
        ("sigmoid", |x| sigmoid(x), |x| 1.0 / (1.0 + (-x).exp())),
        ("tanh", |x| tanh(x), f64::tanh),
        ("softplus", |x| softplus(x), |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        ("log1p", |x| log1p(x), f64::ln_1p),
    ];
    for (name, f, rust) in cases {
        let low = if ["ln", "sqrt"].contains(&name) { 0.1 } else { -0.9 };
        let xs: Vec<f64> = (0..40).map(|i| low + 0.0717 * f64::from(i)).collect();
        let x = var(&xs);
        let [slopes] = gradients(&f(&x).sum_all().unwrap(), [&x]).unwrap();
        let slopes = slopes.to_vec1::<f64>().unwrap();
        for ((x, value), slope) in xs.iter().zip(numbers(f(&x))).zip(slopes) {
            assert!((value - rust(*x)).abs() < 1e-12, "{name}({x}) is {}, got {value}", rust(*x));
            let quotient = (rust(x + 1e-6) - rust(x - 1e-6)) / 2e-6;
            assert!((slope - quotient).abs() < 1e-7, "the slope of {name} at {x} is {quotient}, got {slope}");
        }
    }
}

/// softplus and log1p are exact where the plain formula has overflowed or rounded, and so are their slopes.
#[test]
fn far_from_zero_and_near_it() {
    let x = var(&[-800.0, -40.0, 0.0, 40.0, 800.0]);
    assert_eq!(numbers(softplus(&x)), [0.0, (-40f64).exp(), 2f64.ln(), 40.0, 800.0]);
    let [slopes] = gradients(&softplus(&x).sum_all().unwrap(), [&x]).unwrap();
    let slopes = slopes.to_vec1::<f64>().unwrap();
    assert!(slopes[0] == 0.0 && slopes[2] == 0.5 && slopes[4] == 1.0, "{slopes:?}");
    let tiny = var(&[0.0, 1e-18, -1e-18, 1e30]);
    assert_eq!(numbers(log1p(&tiny))[..3], [0.0, 1e-18, -1e-18]);
    let [slopes] = gradients(&log1p(&tiny).sum_all().unwrap(), [&tiny]).unwrap();
    assert_eq!(slopes.to_vec1::<f64>().unwrap()[..3], [1.0; 3]);
}

/// Formulas, tensors, variables, numbers and results stand on either side of an operator, owned or borrowed.
#[test]
fn operators_on_both_sides() {
    let (a, b) = (Tensor::new(&[6f64, 8.0], &CPU).unwrap(), var(&[2.0, 4.0]));
    let f = formula(&b);
    for (got, want) in [
        (&f + &a, [8.0, 12.0]),
        (a.clone() - &f, [4.0, 4.0]),
        (&a * f.clone(), [12.0, 32.0]),
        (&b / formula(a.clone()), [2.0 / 6.0, 0.5]),
        (10.0 - &f, [8.0, 6.0]),
        (f.clone() - 10.0, [-8.0, -6.0]),
        (1.0 + &f / 2.0, [2.0, 3.0]),
        (8.0 / f.clone() * 2.0, [8.0, 4.0]),
        (-(&f) + (&a + 1.0), [5.0, 5.0]),
        ((&a * 2.0) - &f, [10.0, 12.0]),
    ] {
        assert_eq!(numbers(got), want);
    }
}

/// Smaller shapes are repeated, sums and means drop their dimension, matrices are multiplied.
#[test]
fn shapes() {
    let x = Tensor::new(&[[1f64, 2., 3.], [4., 5., 6.]], &CPU).unwrap();
    let rows = mean(&x, 0);
    assert_eq!(numbers(formula(&x) - rows), [-1.5, -1.5, -1.5, 1.5, 1.5, 1.5]);
    assert_eq!(numbers(sum(sqr(&x), 1)), [14.0, 77.0]);
    assert_eq!(formula(&x).mean(1).unwrap().to_vec1::<f64>().unwrap(), [2.0, 5.0]);
    assert_eq!(formula(&x).mean_all().unwrap().to_scalar::<f64>().unwrap(), 3.5);
    assert_eq!(numbers(matmul(&x, x.t())), [14.0, 32.0, 32.0, 77.0]);
    assert_eq!(max(&x, 0).numbers().unwrap(), [4.0, 5.0, 6.0]);
    assert_eq!((sum_all(&x).number().unwrap(), mean_all(&x).number().unwrap()), (21.0, 3.5));
    assert!(formula(&x).number().unwrap_err().to_string().contains("expected shape one number, got [2, 3]"));
}

/// The gradient of the KL in a formula is the closed form's: μ, and (σ² − 1)/2.
#[test]
fn the_gradient_of_the_kl() {
    let (mu, log_var) = (var(&[0.3, -1.0]), var(&[0.5, -2.0]));
    let kl = (0.5 * (exp(&log_var) + sqr(&mu) - 1.0 - &log_var)).sum(0).unwrap();
    let [by_mu, by_log_var] = gradients(&kl, [&mu, &log_var]).unwrap();
    assert_eq!(by_mu.to_vec1::<f64>().unwrap(), [0.3, -1.0]);
    let want = [0.5f64, -2.0].map(|l| (l.exp() - 1.0) / 2.0);
    assert!(by_log_var.to_vec1::<f64>().unwrap().iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-15));
}

/// The first error travels to the end, through everything that comes after it, and names its operation and shapes.
#[test]
fn errors_travel() {
    let (a, b) = (Tensor::zeros((2, 3), DType::F64, &CPU).unwrap(), Tensor::zeros(4, DType::F64, &CPU).unwrap());
    let message = |x: Formula| x.sum(0).unwrap_err().to_string();
    let fit = "from the right, dimensions must be equal, or 1 on one side";
    let minus = message(exp(2.0 * (formula(&a) - &b)) + matmul(&a, &a));
    assert_eq!(minus, format!("a formula's -: the shapes [2, 3] and [4] do not fit: {fit}"));
    assert!(message(matmul(&a, &a) / &b).contains("matmul: the shapes [2, 3] and [2, 3] do not fit"));
    assert!(message(sum(&a, 2) - 1.0).contains("sum over dimension 2 of [2, 3]"));
    let single = message(formula(&a) * b.to_dtype(DType::F32));
    assert!(single.contains("the numbers are F64 and F32; convert one of them with .to_dtype"), "{single}");
    assert!(message(exp(a.matmul(&a)) + &b).contains("matmul"));
    let shared = formula(&a) + &b;
    assert!(message(shared.clone() * 2.0) == message(shared), "a copy has the same error");
}
