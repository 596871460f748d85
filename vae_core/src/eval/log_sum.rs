//! ln Σ eˣ of numbers that come one by one, in float64.
//!
//! ```text
//! ln Σ eˣ = m + ln Σ exp(x − m), m the largest x so far
//! ```

/// The sum so far.
#[derive(Clone, Copy)]
pub(super) struct LogSum {
    largest: f64,
    /// Of all, relative to the largest.
    sum: f64,
}

/// What adds less than e^−39, 10⁻¹⁷, of the largest is not worth an exponential.
const LEAST: f64 = -39.0;

impl LogSum {
    /// Of no numbers: −∞.
    pub(super) const EMPTY: Self = Self { largest: f64::NEG_INFINITY, sum: 0.0 };

    pub(super) fn add(&mut self, x: f64) {
        let above = x - self.largest;
        if x <= self.largest {
            // Two infinities have no difference: an x of −∞ adds nothing.
            self.sum += if above > LEAST { above.exp() } else { 0.0 };
        } else {
            self.sum = self.sum * (-above).exp() + 1.0;
            self.largest = x;
        }
    }

    pub(super) fn value(self) -> f64 {
        self.largest + self.sum.ln()
    }
}

impl FromIterator<f64> for LogSum {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut sum = Self::EMPTY;
        numbers.into_iter().for_each(|x| sum.add(x));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[f64]) -> f64 {
        numbers.iter().copied().collect::<LogSum>().value()
    }

    /// Far numbers neither overflow nor hide near ones, in any order; nothing adds nothing, and what is no number stays none.
    #[test]
    fn sums() {
        let (ln3, far) = (3f64.ln(), [900.0, 0.0, 900.0, 862.0, 900.0]);
        let sum = 900.0 + (3.0 + (-38f64).exp()).ln();
        assert!((of(&far) - sum).abs() < 1e-12 && (of(&[862.0, 900.0, 900.0, 900.0]) - sum).abs() < 1e-12);
        assert!((of(&[-1e4; 3]) - (ln3 - 1e4)).abs() < 1e-10);
        assert_eq!(of(&[]), f64::NEG_INFINITY);
        assert_eq!(of(&[f64::NEG_INFINITY, f64::NEG_INFINITY]), f64::NEG_INFINITY);
        assert_eq!(of(&[f64::NEG_INFINITY, 2.0, f64::NEG_INFINITY]), 2.0);
        assert!(of(&[0.0, f64::NAN, 1.0]).is_nan());
    }
}
