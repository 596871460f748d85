//! Training curves: how each term of the objective went, on training and validation images.

use super::{Figure, Plot};
use crate::{objectives::Means, train::History};

impl History {
    /// ELBO, reconstruction and KL against epochs, in nats per image, and a panel for each metric; training and, where images were
    /// held out, validation.
    pub fn plot(&self) -> Figure {
        let curve = |name, unit, value: &dyn Fn(&Means) -> Option<f64>| Curve {
            name,
            unit,
            train: self.epochs.iter().filter_map(|record| Some((record.epoch, value(&record.train)?))).collect(),
            validation: self
                .epochs
                .iter()
                .filter_map(|record| Some((record.epoch, value(record.validation.as_ref()?)?)))
                .collect(),
        };
        let terms = [
            curve("ELBO", NATS, &|means| Some(means.elbo)),
            curve("Reconstruction", NATS, &|means| Some(means.reconstruction)),
            curve("KL", NATS, &|means| Some(means.kl)),
        ];
        let metric = |name| curve(name, "", &|means| means.metrics.get(name).copied());
        let metrics: Vec<_> = self.metrics().into_iter().map(metric).collect();
        if metrics.is_empty() {
            return panels(&terms);
        }
        // Three panels are as wide as a page.
        Figure::column([&terms[..]].into_iter().chain(metrics.chunks(3)).map(panels))
    }
}

/// The unit of the terms.
const NATS: &str = "nats per image";

/// One quantity of a training run: its name and unit, and (epoch, value) on training and on validation images.
struct Curve<'a> {
    name: &'a str,
    unit: &'a str,
    train: Vec<(usize, f64)>,
    validation: Vec<(usize, f64)>,
}

/// One panel a curve, side by side, against epochs.
fn panels(curves: &[Curve<'_>]) -> Figure {
    Figure::row(curves.iter().map(|curve| {
        let mut plot = Plot::new(curve.name, "epoch", curve.unit).size(290, 260).line("train", &curve.train);
        if curve.train.len() == 1 {
            // A line needs two points to be seen.
            plot = plot.points("train", &curve.train);
        }
        if !curve.validation.is_empty() {
            plot = plot.line("validation", &curve.validation);
            if curve.validation.len() == 1 {
                plot = plot.points("validation", &curve.validation);
            }
        }
        Figure::from(plot)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every quantity has a panel with both of its lines, and one epoch is enough to see something.
    #[test]
    fn panels_of_a_run() {
        let curve = |name, n| Curve {
            name,
            unit: NATS,
            train: (1..=n).map(|e| (e, -100.0 - 80.0 / e as f64)).collect(),
            validation: (1..=n).map(|e| (e, -101.0 - 80.0 / e as f64)).collect(),
        };
        let svg = panels(&[curve("ELBO", 10), curve("KL", 10)]).to_svg();
        assert_eq!(svg.matches(">validation</text>").count(), 2);
        assert!(svg.contains(">ELBO</text>") && svg.contains(">KL</text>"));
        assert!(panels(&[curve("ELBO", 1)]).to_svg().contains("h0\" stroke="));
    }
}
