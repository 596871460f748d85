//! Importance weights one after the other: their sums, and nothing of each.
//!
//! ```text
//! log p̂ = ln 1/K Σ w        ESS = (Σ w)² / Σ w²
//! ```
//! All in float64, so that 10⁶ weights of a million times each other add up to a dozen digits.

use super::log_sum::LogSum;

/// Groups of so many weights, each with an estimate of its own.
struct Groups {
    size: usize,
    /// The group that is not complete yet.
    sum: LogSum,
    inside: usize,
    /// Of the complete ones: Σ ln (1/size Σ w), and how many they are.
    estimates: f64,
    complete: usize,
}

impl Groups {
    fn of(size: usize) -> Self {
        Self { size, sum: LogSum::EMPTY, inside: 0, estimates: 0.0, complete: 0 }
    }

    fn add(&mut self, log_weight: f64) {
        self.sum.add(log_weight);
        self.inside += 1;
        if self.inside == self.size {
            self.estimates += self.sum.value() - (self.size as f64).ln();
            self.complete += 1;
            (self.sum, self.inside) = (LogSum::EMPTY, 0);
        }
    }

    fn mean(&self) -> f64 {
        self.estimates / self.complete as f64
    }
}

/// The weights of one item.
pub(super) struct Weights {
    count: usize,
    sum: LogSum,
    squares: LogSum,
    groups: Vec<Groups>,
}

impl Weights {
    /// None yet; with estimates from groups of these sizes.
    pub(super) fn new(sizes: &[usize]) -> Self {
        let groups = sizes.iter().map(|&size| Groups::of(size)).collect();
        Self { count: 0, sum: LogSum::EMPTY, squares: LogSum::EMPTY, groups }
    }

    pub(super) fn add(&mut self, log_weight: f64) {
        self.count += 1;
        self.sum.add(log_weight);
        self.squares.add(2.0 * log_weight);
        self.groups.iter_mut().for_each(|groups| groups.add(log_weight));
    }

    /// ln 1/K Σ w.
    pub(super) fn log_mean(&self) -> f64 {
        self.sum.value() - (self.count as f64).ln()
    }

    /// (Σ w)² / Σ w²: how many equal weights would say as much, 1 to K.
    pub(super) fn effective(&self) -> f64 {
        (2.0 * self.sum.value() - self.squares.value()).exp()
    }

    /// The mean of ln (1/k Σ w) over the complete groups, for each size k.
    pub(super) fn of_groups(&self) -> impl Iterator<Item = f64> {
        self.groups.iter().map(Groups::mean)
    }
}

/// 1, 2, 5, 10, 20, …, up to and with `count`.
pub(super) fn ladder(count: usize) -> Vec<usize> {
    let decades = (0..).map_while(|power| 10usize.checked_pow(power));
    let steps = decades.flat_map(|decade| [1, 2, 5].map(|step| decade.saturating_mul(step)));
    let mut sizes: Vec<usize> = steps.take_while(|&size| size < count).collect();
    sizes.push(count);
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs().max(1.0)
    }

    /// Sums, effective sample size and groups are those of the weights taken together, also where exp overflows and where
    /// weights are 0.
    #[test]
    fn one_by_one_as_together() {
        let logs: Vec<f64> = (0..103).map(|i| -1000.0 + f64::from(i * 37 % 41)).chain([f64::NEG_INFINITY; 2]).collect();
        let mut weights = Weights::new(&[1, 10, 105]);
        logs[..103].iter().for_each(|&log| weights.add(log));
        let w: Vec<f64> = logs[..103].iter().map(|log| (log + 1000.0).exp()).collect();
        let (sum, squares) = (w.iter().sum::<f64>(), w.iter().map(|w| w * w).sum::<f64>());
        assert!(close(weights.log_mean(), (sum / 103.0).ln() - 1000.0), "{}", weights.log_mean());
        assert!(close(weights.effective(), sum * sum / squares), "{}", weights.effective());
        let tens = w.chunks_exact(10).map(|ten| (ten.iter().sum::<f64>() / 10.0).ln() - 1000.0).sum::<f64>() / 10.0;
        let means: Vec<f64> = weights.of_groups().collect();
        assert!(close(means[0], logs[..103].iter().sum::<f64>() / 103.0) && close(means[1], tens), "{means:?}");
        logs[103..].iter().for_each(|&log| weights.add(log));
        assert!(close(weights.log_mean(), (sum / 105.0).ln() - 1000.0), "{}", weights.log_mean());
        let mut nothing = Weights::new(&[]);
        [f64::NEG_INFINITY; 3].iter().for_each(|&log| nothing.add(log));
        assert_eq!(nothing.log_mean(), f64::NEG_INFINITY);
        let mut broken = Weights::new(&[]);
        [0.0, f64::NAN, 1.0].iter().for_each(|&log| broken.add(log));
        assert!(broken.log_mean().is_nan());
    }

    /// The ladder ends with the count itself, once.
    #[test]
    fn ladders() {
        assert_eq!(ladder(1), [1]);
        assert_eq!(ladder(7), [1, 2, 5, 7]);
        assert_eq!(ladder(20), [1, 2, 5, 10, 20]);
    }
}
