//! The exercises of notebook 07, Disentanglement.

use candle_core::Device;

use super::{Exercise, Values};
use crate::{
    Result,
    data::{self, Data, Factored, Sprites},
    formula::{abs, formula},
    random::Random,
};

/// 1 · The total correlation of a Gaussian of two dimensions, of its variances and the covariance.
pub fn total_correlation(answer: impl Fn(f64, f64, f64) -> f64) {
    let cases = [(1.0, 1.0, 0.8), (4.0, 1.0, 0.9), (2.0, 3.0, 0.0), (0.5, 2.0, -0.7)];
    let with = |f: &dyn Fn(f64, f64, f64) -> f64| cases.map(|(a, b, c)| f(a, b, c));
    let r2 = |a: f64, b: f64, c: f64| c * c / (a * b);
    Exercise::new("total correlation")
        .slip("a covariance is no correlation yet", with(&|_, _, c| -0.5 * (1.0 - c * c).ln()))
        .slip(
            "that is the determinant of Σ, not of its correlation matrix",
            with(&|a, b, c| -0.5 * (a * b - c * c).ln()),
        )
        .slip("the correlation is to be squared", with(&|a, b, c| -0.5 * (1.0 - r2(a, b, c).sqrt()).ln()))
        .slip("that is the correlation itself", with(&|a, b, c| c / (a * b).sqrt()))
        .check(with(&answer), with(&|a, b, c| -0.5 * (1.0 - r2(a, b, c)).ln()));
}

/// 2 · The gap of one factor, of every dimension's information about it and its entropy.
pub fn gap(answer: impl Fn(&[f64], f64) -> f64) {
    let cases = [(vec![0.2, 1.5, 0.7], 2.0), (vec![0.5, 0.5], 1.0), (vec![1.2, 0.1, 0.3, 0.9], 1.5)];
    let with = |f: &dyn Fn(&[f64], f64) -> f64| [0, 1, 2].map(|i| f(&cases[i].0, cases[i].1));
    // The information of the k-th best dimension.
    let best = |information: &[f64], k: usize| {
        let mut sorted = information.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        sorted[k]
    };
    Exercise::new("gaps")
        .slip("a gap is a part of the factor's entropy", with(&|i, _| best(i, 0) - best(i, 1)))
        .slip("that is the best dimension without the second best", with(&|i, h| best(i, 0) / h))
        .slip("the gap is to the second best, not to the last", with(&|i, h| (best(i, 0) - best(i, i.len() - 1)) / h))
        .slip("the dimensions come in any order", with(&|i, h| (i[0] - i[1]) / h))
        .check(with(&answer), with(&|i, h| (best(i, 0) - best(i, 1)) / h));
}

/// 3 · The β of a loss with the cross-entropy averaged over 1,024 pixels and 0.01 times the summed KL.
pub fn hidden_beta(answer: f64) {
    Exercise::new("the β in nats")
        .slip("that is the weight beside a mean; the reconstruction of this page is a sum", 0.01)
        .slip("the weight of 0.01 is missing", 1024.0)
        .slip("the wrong way round: which of the two terms was made small?", 0.01 / 1024.0)
        .slip("that is one side of the picture", 0.32)
        .check(answer, 10.24);
}

/// 4 · How many pixels of a sprite change, on average, where one of its five factors is drawn anew.
pub fn changed_pixels(answer: impl Values) {
    let exercise = Exercise::new("pixels that a factor changes").within(0.05);
    match data::sprites(32, &Device::Cpu).and_then(|sprites| Ok((pixels(&sprites)?, sprites))) {
        Ok((right, sprites)) => {
            let again = right.iter().zip(sprites.sizes()).map(|(n, (_, size))| n * *size as f64 / (size - 1) as f64);
            exercise
                .slip("that is the share of all pixels", right.iter().map(|n| n / 1024.0).collect::<Vec<_>>())
                .slip(
                    "a factor drawn anew may have its old value again, and then no pixel changes",
                    again.collect::<Vec<_>>(),
                )
                .check(answer, right);
        }
        Err(error) => exercise.check(Err::<f64, _>(error), 0.0),
    }
}

/// The changed pixels of each factor, from 8,000 pictures.
fn pixels(sprites: &Sprites) -> Result<Vec<f64>> {
    let count = 8_000;
    let of = |(factor, (_, size)): (usize, &(&str, usize))| {
        let mut random = Random::new(5).stream(factor as u64);
        let before = sprites.sample(count, None, &mut random)?;
        let redrawn = before.iter().map(|&index| {
            let mut values = sprites.factors(index);
            values[factor] = random.below(*size);
            sprites.index(&values)
        });
        let after = redrawn.collect::<Result<Vec<_>>>()?;
        let (before, after) = (sprites.batch(&before)?.x, sprites.batch(&after)?.x);
        Ok(abs(formula(before) - after).sum_all()?.to_scalar::<f32>()? as f64 / count as f64)
    };
    sprites.sizes().iter().enumerate().map(of).collect()
}
