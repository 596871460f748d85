//! Live lines: each one whole, since a notebook cannot redraw a line in place.

use std::time::{Duration, Instant};

use super::EpochRecord;
use crate::{models::thousands, objectives::Means};

/// How long an epoch goes on in silence.
const QUIET: Duration = Duration::from_secs(15);

/// Where a line stands in the run.
pub(super) struct Place {
    pub epoch: usize,
    pub epochs: usize,
    pub step: u64,
    /// Items still to be seen until the end of the last epoch.
    pub items_left: f64,
}

/// Prints lines, and knows when the next is due.
pub(super) struct Progress {
    last: Instant,
    verbose: bool,
}

impl Progress {
    pub(super) fn new(verbose: bool) -> Self {
        Self { last: Instant::now(), verbose }
    }

    pub(super) fn say(&self, line: &str) {
        if self.verbose {
            println!("{line}");
        }
    }

    /// Whether the last line is long ago.
    pub(super) fn is_due(&self) -> bool {
        self.verbose && self.last.elapsed() >= QUIET
    }

    /// A line in the middle of an epoch.
    pub(super) fn step(&mut self, place: &Place, means: &Means, images_per_second: f64) {
        self.say(&line(place, means, None, images_per_second));
        self.last = Instant::now();
    }

    /// The line at the end of an epoch.
    pub(super) fn epoch(&mut self, place: &Place, record: &EpochRecord) {
        self.say(&line(place, &record.train, record.validation.as_ref(), record.images_per_second));
        self.last = Instant::now();
    }
}

fn line(place: &Place, means: &Means, validation: Option<&Means>, images_per_second: f64) -> String {
    let Means { elbo, reconstruction, kl, metrics, .. } = means;
    let metrics: String = metrics.iter().map(|(name, value)| format!(" | {name} {value:.2}")).collect();
    let validation = validation.map_or(String::new(), |means| format!(" | validation ELBO {:.2}", means.elbo));
    let width = place.epochs.to_string().len();
    format!(
        "epoch {:>width$}/{} step {} | ELBO {elbo:.2} = reconstruction {reconstruction:.2} - KL {kl:.2}{metrics}{validation} \
         | {} images/s, {} left",
        place.epoch,
        place.epochs,
        thousands(place.step as usize),
        thousands(images_per_second.round() as usize),
        clock(place.items_left / images_per_second),
    )
}

/// 75.2 → "1:15".
fn clock(seconds: f64) -> String {
    let seconds = if seconds.is_finite() { seconds.round() as u64 } else { 0 };
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line holds epoch, step, ELBO, its two parts, the speed and the time left.
    #[test]
    fn a_line_says_it_all() {
        let place = Place { epoch: 3, epochs: 10, step: 1407, items_left: 75_000.0 };
        let means = Means { loss: 104.5, elbo: -104.5, reconstruction: -79.0, kl: 25.5, ..Default::default() };
        let expected =
            "epoch  3/10 step 1,407 | ELBO -104.50 = reconstruction -79.00 - KL 25.50 | 1,000 images/s, 1:15 left";
        assert_eq!(line(&place, &means, None, 1000.0), expected);
        assert_eq!([0.0, 59.6, 3725.0, f64::NAN].map(clock), ["0:00", "1:00", "1:02:05", "0:00"]);
    }
}
