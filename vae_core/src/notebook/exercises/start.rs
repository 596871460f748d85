//! The exercises of notebook 00, Start here.

use candle_core::{Device, Tensor, Var};

use super::Exercise;
use crate::{
    Result,
    formula::{exp, formula, gradients, mean, sqr, sqrt},
    random::Random,
};

/// 1 · Every column with mean 0 and variance 1, the variance with 1/n: (N, D) → (N, D).
pub fn standardize(answer: impl Fn(&Tensor) -> Result<Tensor>) {
    let (x, means) = ([[1f64, 2.], [3., 4.], [5., 12.], [1., -3.]], [2.5, 3.75]);
    let (x, means) = (formula(Tensor::new(&x, &Device::Cpu)), Tensor::new(&means, &Device::Cpu));
    let centred = &x - means;
    let variance = mean(sqr(&centred), 0);
    Exercise::new("standardized columns")
        .slip("the means are 0; the variances are not yet 1", centred.clone().tensor())
        .slip("that is divided by the variance; its root is the unit", (&centred / &variance).tensor())
        .slip("that variance has 1/(n − 1); here it has 1/n", (&centred / sqrt(&variance * (4.0 / 3.0))).tensor())
        .check(x.tensor().and_then(|x| answer(&x)), (&centred / sqrt(&variance)).tensor());
}

/// 2 · The gradient of Σ (exp zᵢ − zᵢ), without `backward`: (N,) → (N,).
pub fn gradient_by_hand(answer: impl Fn(&Tensor) -> Result<Tensor>) {
    let by_candle = || {
        let z = Var::new(&[-1f64, 0.0, 0.5, 2.0], &Device::Cpu)?;
        let [gradient] = gradients(&(exp(&z) - &z).sum_all()?, [&z])?;
        Ok((answer(&z), exp(&z).tensor()?, gradient))
    };
    let exercise = Exercise::new("gradient by hand");
    match by_candle() {
        Ok((got, slope, want)) => exercise.slip("z itself has a slope, too", slope).check(got, want),
        Err(error) => exercise.check(Err::<f64, _>(error), 0.0),
    }
}

/// 3 · An error instead of a panic: its message names the index that came, 7, and how many names there are, 2.
pub fn name_of(answer: impl Fn(usize) -> Result<String>) {
    let verdict = match (answer(1), answer(7)) {
        (Err(_), _) => "not yet: index 1 is there, and should give \"decoder\"".into(),
        (Ok(name), _) if name != "decoder" => format!("not yet: index 1 gave {name:?}"),
        (_, Ok(name)) => format!("not yet: index 7 gave {name:?}"),
        (_, Err(error)) => match (error.to_string().contains('7'), error.to_string().contains('2')) {
            (true, true) => "right".into(),
            (false, _) => format!("not yet: \"{error}\" does not say which index came"),
            (true, false) => format!("not yet: \"{error}\" does not say how many names there are"),
        },
    };
    println!("an error that helps: {verdict}");
}

/// 4 · How many draws of N(0, 1) give a mean with a standard error of 0.01; with what that many draws really do.
pub fn draws_for_a_hundredth(answer: usize) {
    Exercise::new("draws for a standard error of 0.01")
        .slip("the error falls with the root of the number of draws", 100.0)
        .within(0.01)
        .check(answer as f64, 1e4);
    let few = answer.clamp(1, 100_000);
    let mean = |stream: u64| {
        let mut draws = vec![0f32; few];
        Random::new(1).stream(stream).fill_normal(&mut draws);
        draws.iter().map(|z| f64::from(*z)).sum::<f64>() / few as f64
    };
    let square = (0..50).map(|stream| mean(stream).powi(2)).sum::<f64>() / 50.0;
    println!("measured: the means of {few} draws, 50 times, are off by {:.4} (root mean square)", square.sqrt());
}
