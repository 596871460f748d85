//! Training curves: how each term of the objective went, on training and validation images.

use super::{Figure, Plot};
use crate::{objectives::Means, train::History};

impl History {
    /// ELBO, reconstruction and KL against epochs, in nats per image; training and, where images were held out, validation.
    pub fn plot(&self) -> Figure {
        let curve = |name, value: fn(&Means) -> f64| Curve {
            name,
            train: self.epochs.iter().map(|record| (record.epoch, value(&record.train))).collect(),
            validation: self
                .epochs
                .iter()
                .filter_map(|record| Some((record.epoch, value(record.validation.as_ref()?))))
                .collect(),
        };
        panels(&[
            curve("ELBO", |means| means.elbo),
            curve("Reconstruction", |means| means.reconstruction),
            curve("KL", |means| means.kl),
        ])
    }
}

/// One quantity of a training run: its name, and (epoch, value) on training and on validation images.
struct Curve<'a> {
    name: &'a str,
    train: Vec<(usize, f64)>,
    validation: Vec<(usize, f64)>,
}

/// One panel a curve, side by side, all in nats per image against epochs.
fn panels(curves: &[Curve<'_>]) -> Figure {
    Figure::row(curves.iter().map(|curve| {
        let mut plot = Plot::new(curve.name, "epoch", "nats per image").size(290, 260).line("train", &curve.train);
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
            train: (1..=n).map(|e| (e, -100.0 - 80.0 / e as f64)).collect(),
            validation: (1..=n).map(|e| (e, -101.0 - 80.0 / e as f64)).collect(),
        };
        let svg = panels(&[curve("ELBO", 10), curve("KL", 10)]).to_svg();
        assert_eq!(svg.matches(">validation</text>").count(), 2);
        assert!(svg.contains(">ELBO</text>") && svg.contains(">KL</text>"));
        assert!(panels(&[curve("ELBO", 1)]).to_svg().contains("h0\" stroke="));
    }
}
