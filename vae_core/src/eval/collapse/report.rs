//! The numbers and the findings in words.

use std::fmt;

use super::{ACTIVE, Collapse};

/// The numbers, and what they look like.
impl fmt::Display for Collapse {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { items, reconstruction, kl, .. } = self;
        let worth = self.code_worth();
        let [reconstruction, kl, worth] = [*reconstruction, *kl, worth].map(short);
        writeln!(f, "{items} items: reconstruction {reconstruction}, KL {kl} nats; own code worth {worth} nats")?;
        let (active, all) = (self.active(), self.dimensions.len());
        write!(f, "{active} of {} active (variance of the mean above {})", dimensions(all), ACTIVE)?;
        if let (Some(aggregate), Some((least, most))) = (self.aggregate, self.mutual_information()) {
            let (n, ceiling) = (aggregate.items, (aggregate.items as f64).ln());
            write!(f, "\nI(x; z) {} nats (of {n} items: ceiling {ceiling:.2})", between(least, most))?;
            if let Some((least, most)) = self.marginal_kl() {
                write!(f, "; q(z) from the prior: KL {} nats", between(least, most))?;
            }
            if let Some(mmd) = aggregate.mmd {
                write!(f, ", MMD² {:.1e} ± {:.0e}", mmd.mean, mmd.error)?;
            }
        }
        self.findings().iter().try_for_each(|finding| write!(f, "\n- {}", finding.text))
    }
}

pub(super) fn dimensions(count: usize) -> String {
    format!("{count} dimension{}", if count == 1 { "" } else { "s" })
}

/// The least and the greatest, infinite where there is none.
pub(super) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)))
}

pub(super) fn between(least: f64, most: f64) -> String {
    let (least, most) = (short(least), short(most));
    if least == most { least } else { format!("{least} to {most}") }
}

/// Two decimals, or four, where they say something, otherwise two digits.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || !size.is_finite() || (0.1..1e6).contains(&size) => format!("{value:.2}"),
        size if (1e-3..0.1).contains(&size) => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}
