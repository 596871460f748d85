//! The KL of each latent dimension as bars, those in use told apart.

use super::Plot;
use crate::eval::Collapse;

impl Collapse {
    /// A bar for each latent dimension: its mean KL, or what it tells of an item where the prior leaves it no KL of its own; the largest first,
    /// active ones in another colour.
    pub fn plot(&self) -> Plot {
        let whole = self.dimensions.iter().all(|dimension| dimension.kl.is_some());
        let what = if whole { "KL in nats" } else { "I(x; zⱼ) in nats" };
        let value = |i: &usize| {
            let dimension = &self.dimensions[*i];
            let nats = if whole { dimension.kl } else { dimension.information };
            nats.unwrap_or(f64::NAN)
        };
        let mut order: Vec<usize> = (0..self.dimensions.len()).collect();
        order.sort_by(|a, b| value(b).total_cmp(&value(a)));
        let active = self.active();
        let title = format!("{active} of {} dimensions active", self.dimensions.len());
        let mut plot = Plot::new(title, "rank of the dimension", what).size(480, 280);
        for (rank, i) in order.iter().enumerate() {
            let label = if self.dimensions[*i].active() { "active" } else { "asleep: variance of the mean ≤ 0.01" };
            let (middle, nats) = (rank as f64 + 1.0, value(i));
            let (left, right) = (middle - 0.4, middle + 0.4);
            plot = plot
                .band(label, [(left, 0.0, nats), (right, 0.0, nats)])
                .line(label, [(left, 0.0), (left, nats), (right, nats), (right, 0.0)]);
        }
        plot
    }
}
