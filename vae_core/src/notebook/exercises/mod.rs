//! The exercises' checkers, a file for each page of the course: they know the answers, and say what is wrong with another.
//!
//! A checker takes the reader's number or function, tries it, prints one line and never fails:
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let hidden_beta = 2.0;
//! exercises::mlp::hidden_beta(hidden_beta); // prints "the hidden β: not yet: too small"
//! ```
//!
//! `tests/test_exercises.py` runs every page's placeholder, its solution and the usual wrong answers.

pub mod anomaly;
pub mod clinic;
pub mod conditional;
pub mod conv;
pub mod denoising;
pub mod disentanglement;
pub mod elbo;
pub mod likelihood;
pub mod mlp;
pub mod reparameterization;
pub mod start;

use super::check::{Values, compare, worst};

/// An exercise's checker: says what is wrong with an answer without saying the right one.
///
/// ```
/// use vae_core::notebook::exercises::Exercise;
///
/// let area = Exercise::new("the area of a circle of radius 2").slip("that is a quarter of it", std::f64::consts::PI).within(1e-3);
/// assert_eq!(area.verdict(6.0, 12.566371), "not yet: too small");
/// assert_eq!(area.verdict(3.14, 12.566371), "not yet: that is a quarter of it");
/// assert_eq!(area.verdict(12.57, 12.566371), "right");
/// ```
#[derive(Clone, Debug)]
pub struct Exercise {
    name: String,
    /// What to say of a usual wrong answer, and that answer.
    slips: Vec<(String, Vec<f64>)>,
    tolerance: f64,
}

/// Factors by which people are off where a half, a sum or a square was forgotten.
const FACTORS: [(f64, &str); 4] = [(2.0, "2"), (0.5, "½"), (4.0, "4"), (0.25, "¼")];

impl Exercise {
    /// An exercise of that name; an answer is right to a relative 10⁻⁴.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), slips: vec![], tolerance: 1e-4 }
    }

    /// What to say where the answer is `wrong`. A slip that cannot be computed is one that nobody can make.
    #[must_use]
    pub fn slip(mut self, words: impl Into<String>, wrong: impl Values) -> Self {
        if let Ok((_, wrong)) = wrong.values() {
            self.slips.push((words.into(), wrong));
        }
        self
    }

    /// How far an answer may be from the right one, relative to the largest number in it: for answers that people round.
    #[must_use]
    pub fn within(mut self, relative: f64) -> Self {
        self.tolerance = relative;
        self
    }

    /// Prints the exercise's name and the verdict.
    pub fn check(&self, got: impl Values, want: impl Values) {
        println!("{}: {}", self.name, self.verdict(got, want));
    }

    /// "right", or "not yet: …" with the first of these that holds: why it failed, its shape, a number that is none, a known slip,
    /// the sign, a factor, a shift, the direction, the place.
    pub fn verdict(&self, got: impl Values, want: impl Values) -> String {
        let nan =
            got.values().ok().and_then(|(_, got)| (0..got.len()).find(|&i| !got[i].is_finite()).map(|i| (i, got[i])));
        match (nan, compare(&got, &want)) {
            (_, Ok((_, want, difference))) if difference <= self.allowed(&want) => "right".into(),
            (_, Ok((got, want, _))) => format!("not yet: {}", self.problem(&got, &want)),
            (Some((i, value)), Err(problem)) if !problem.contains("shape") => {
                format!("not yet: element {i} is {value}")
            }
            (_, Err(problem)) => format!("not yet: {problem}"),
        }
    }

    /// The largest difference that is put down to rounding.
    fn allowed(&self, want: &[f64]) -> f64 {
        let size = want.iter().fold(0.0, |size: f64, x| size.max(x.abs()));
        self.tolerance * if size > 0.0 { size } else { 1.0 }
    }

    fn same(&self, a: &[f64], b: &[f64]) -> bool {
        let allowed = self.allowed(b);
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= allowed)
    }

    fn problem(&self, got: &[f64], want: &[f64]) -> String {
        if let Some((words, _)) = self.slips.iter().find(|(_, wrong)| self.same(got, wrong)) {
            return words.clone();
        }
        let times = |factor: f64| want.iter().map(|x| factor * x).collect::<Vec<_>>();
        if self.same(got, &times(-1.0)) {
            return "the sign is wrong".into();
        }
        let off: Vec<f64> = got.iter().zip(want).map(|(got, want)| got - want).collect();
        let place = worst(got, want);
        let direction = if off[place] > 0.0 { "too large" } else { "too small" };
        let allowed = self.allowed(want);
        let n = want.len();
        if n == 1 {
            return direction.into();
        }
        if let Some((_, factor)) = FACTORS.iter().find(|(factor, _)| self.same(got, &times(*factor))) {
            return format!("off by the factor {factor}");
        }
        if off.iter().all(|difference| (difference - off[0]).abs() <= allowed) {
            return "off by the same amount everywhere".into();
        }
        let right = off.iter().filter(|difference| difference.abs() <= allowed).count();
        let everywhere = off.iter().all(|difference| difference * off[place] > 0.0);
        match right {
            0 if everywhere => format!("{direction} everywhere"),
            0 => format!("none of {n} is right; element {place} is {direction}"),
            _ => format!("{right} of {n} are right; element {place} is {direction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Result};

    /// Each verdict says what helps a learner (sign, factor, shift, direction, place, shape, NaN) and never the right number.
    #[test]
    fn verdicts() {
        let verdict = |got: &[f64], want: &[f64]| Exercise::new("it").verdict(got, want);
        for (got, want, expected) in [
            (&[3.7182][..], &[3.718281][..], "right"),
            (&[0.0], &[0.0], "right"),
            (&[7.0], &[3.5], "not yet: too large"),
            (&[-3.5], &[3.5], "not yet: the sign is wrong"),
            (&[6.0, 2.0], &[3.0, 1.0], "not yet: off by the factor 2"),
            (&[1.5, 0.5], &[3.0, 1.0], "not yet: off by the factor ½"),
            (&[4.0, 2.0], &[3.0, 1.0], "not yet: off by the same amount everywhere"),
            (&[9.0, 2.0], &[3.0, 1.0], "not yet: too large everywhere"),
            (&[9.0, 1.0], &[3.0, 1.0], "not yet: 1 of 2 are right; element 0 is too large"),
            (&[2.0, 7.0], &[3.0, 1.0], "not yet: none of 2 is right; element 1 is too large"),
            (&[1.0, f64::NAN], &[3.0, 1.0], "not yet: element 1 is NaN"),
            (&[1.0], &[1.0, 2.0], "not yet: expected the shape [2], got [1]"),
        ] {
            assert_eq!(verdict(got, want), expected, "{got:?}");
        }
    }

    /// A known slip has words of its own, an answer that failed its message, and a rounded answer its leeway.
    #[test]
    fn slips_and_failures() {
        let exercise = Exercise::new("β").slip("that is its logarithm", 784f64.ln()).within(0.01);
        assert_eq!(exercise.verdict(6.66, 784.0), "not yet: that is its logarithm");
        assert_eq!(exercise.verdict(780.0, 784.0), "right");
        let failed: Result<f64> = Err(Error::argument("no such dimension"));
        assert_eq!(exercise.verdict(failed, 1.0), "not yet: no such dimension");
    }
}
