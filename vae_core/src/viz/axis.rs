//! An axis: its range, its ticks, and labels that read like numbers a person would write.

use super::text::{fixed, power};

/// Values beyond this size count as not finite: differences of two of them must not overflow.
const LARGEST: f64 = 1e300;
/// Values beyond this many powers of ten, up or down, have no place on a logarithmic axis: room beyond the outermost values
/// must not overflow.
const MOST_DECADES: i32 = 250;

/// Whether `value` has a place on an axis: finite, not immense, and positive if the axis is logarithmic.
pub(super) fn drawable(value: f64, log: bool) -> bool {
    if log {
        (10f64.powi(-MOST_DECADES)..=10f64.powi(MOST_DECADES)).contains(&value)
    } else {
        value.is_finite() && value.abs() <= LARGEST
    }
}

/// What the values of an axis are like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kind {
    /// Powers of ten at equal distances.
    pub(super) log: bool,
    /// Only whole numbers get a tick: epochs, classes.
    pub(super) whole: bool,
    /// Room beyond the outermost values, as a share of the range.
    pub(super) room: f64,
}

/// A range of values with its ticks.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    lo: f64,
    hi: f64,
    log: bool,
    /// Places and labels, in ascending order.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The axis of values from `lo` to `hi` with about `count` ticks. A range without extent, reversed or not finite is
    /// widened to one that can be drawn.
    pub(super) fn new(lo: f64, hi: f64, kind: Kind, count: usize) -> Self {
        let (mut lo, mut hi) = match (drawable(lo, kind.log), drawable(hi, kind.log)) {
            (true, true) => (lo.min(hi), lo.max(hi)),
            (true, false) => (lo, lo),
            (false, true) => (hi, hi),
            (false, false) if kind.log => (1.0, 10.0),
            (false, false) => (0.0, 1.0),
        };
        if kind.log {
            let room = (hi / lo).powf(kind.room);
            (lo, hi) = if hi / lo < 1.0 + 1e-9 { (lo / 3.0, hi * 3.0) } else { (lo / room, hi * room) };
        } else {
            let size = lo.abs().max(hi.abs());
            if hi - lo <= (size * 1e-10).max(1e-290) {
                let half = if size > 1e-280 { size * 0.1 } else { 1.0 };
                (lo, hi) = (lo - half, hi + half);
            } else {
                let room = (hi - lo) * kind.room;
                (lo, hi) = (lo - room, hi + room);
            }
        }
        let count = count.max(3);
        let ticks = if kind.log { log_ticks(lo, hi, count) } else { linear_ticks(lo, hi, kind.whole, count) };
        Self { lo, hi, log: kind.log, ticks }
    }

    /// Where `value` stands: 0 at the lower end, 1 at the upper, less or more outside; `None` where it cannot be drawn.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        if !value.is_finite() || value.abs() > 10.0 * LARGEST || (self.log && value <= 0.0) {
            return None;
        }
        let t = if self.log {
            (value.ln() - self.lo.ln()) / (self.hi.ln() - self.lo.ln())
        } else {
            (value - self.lo) / (self.hi - self.lo)
        };
        // Differences of places must not overflow.
        Some(t.clamp(-1e100, 1e100))
    }
}

/// Multiples of 1, 2 or 5 times a power of ten, between `lo` and `hi`: as close to `count` of them as can be.
fn linear_ticks(lo: f64, hi: f64, whole: bool, count: usize) -> Vec<(f64, String)> {
    let unit = 10f64.powf(((hi - lo) / count as f64).log10().floor());
    let ticks = |step: f64| (hi / step + 1e-9).floor() - (lo / step - 1e-9).ceil() + 1.0;
    // Two ticks say little about a range; rather too many.
    let distance = |step: &f64| (ticks(*step) - count as f64).abs() + if ticks(*step) < 3.0 { 10.0 } else { 0.0 };
    let steps = [1.0, 2.0, 5.0, 10.0].map(|m| m * unit);
    let mut step = steps.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(unit);
    if whole {
        step = step.max(1.0);
    }
    let (first, last) = ((lo / step - 1e-9).ceil(), (hi / step + 1e-9).floor());
    let size = lo.abs().max(hi.abs());
    let decimals = |unit: f64| (-(step / unit).log10() - 1e-9).ceil().clamp(0.0, 15.0) as usize;
    // Large and small numbers share one power of ten, that of the largest.
    let exponent = if (1e-3..1e6).contains(&size) { 0 } else { size.log10().floor() as i32 };
    let label = |value: f64| {
        if exponent == 0 {
            return fixed(value, decimals(1.0));
        }
        if value == 0.0 {
            return "0".into();
        }
        let unit = 10f64.powi(exponent);
        power(&fixed(value / unit, decimals(unit)), exponent)
    };
    (0..=count * 2).map(|i| first + i as f64).take_while(|i| *i <= last).map(|i| (i * step, label(i * step))).collect()
}

/// Powers of ten, with their double and fivefold where there are few, between `lo` and `hi`.
fn log_ticks(lo: f64, hi: f64, count: usize) -> Vec<(f64, String)> {
    let (low, high) = (lo.log10(), hi.log10());
    let decades = high - low;
    if decades < 0.7 {
        return linear_ticks(lo, hi, false, count).into_iter().filter(|tick| tick.0 > 0.0).collect();
    }
    let stride = (decades / count as f64).ceil().max(1.0) as i32;
    let steps: &[u32] = if decades <= count as f64 / 3.0 { &[1, 2, 5] } else { &[1] };
    let mut places = Vec::new();
    let mut exponent = (low.floor() as i32).div_euclid(stride) * stride;
    while f64::from(exponent) <= high + 1e-9 {
        places.extend(steps.iter().map(|m| (*m, exponent, f64::from(*m) * 10f64.powi(exponent))));
        exponent += stride;
    }
    places.retain(|(_, _, value)| (lo * (1.0 - 1e-9)..=hi * (1.0 + 1e-9)).contains(value));
    // Written out where all of them are short, as powers of ten otherwise, never mixed.
    let plain = places.iter().all(|(_, exponent, _)| (-3..=4).contains(exponent));
    let label = |m: u32, exponent: i32, value| {
        if plain { fixed(value, (-exponent).max(0) as usize) } else { power(&m.to_string(), exponent) }
    };
    places.into_iter().map(|(m, exponent, value)| (value, label(m, exponent, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.1.as_str()).collect()
    }

    fn linear(lo: f64, hi: f64) -> Axis {
        Axis::new(lo, hi, Kind::default(), 5)
    }

    /// Ticks are round numbers without float noise.
    #[test]
    fn round_numbers() {
        assert_eq!(labels(&linear(0.0, 1.0)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear(-130.0, -98.0)), ["−130", "−120", "−110", "−100"]);
        assert_eq!(labels(&linear(-196.0, -104.0)), ["−180", "−160", "−140", "−120"]);
        let few = Axis::new(-192.0, -86.0, Kind::default(), 3);
        assert_eq!(labels(&few), ["−180", "−160", "−140", "−120", "−100"]);
        assert_eq!(labels(&linear(0.0, 60_000.0)), ["0", "20,000", "40,000", "60,000"]);
        assert_eq!(labels(&linear(0.0, 2.5e-5)), ["0", "0.5×10⁻⁵", "1.0×10⁻⁵", "1.5×10⁻⁵", "2.0×10⁻⁵", "2.5×10⁻⁵"]);
    }

    /// Epochs have no halves.
    #[test]
    fn whole_numbers() {
        let axis = Axis::new(1.0, 3.0, Kind { whole: true, ..Kind::default() }, 8);
        assert_eq!(labels(&axis), ["1", "2", "3"]);
    }

    /// A logarithmic axis has powers of ten, and 2 and 5 between few of them.
    #[test]
    fn logarithmic() {
        let log = Kind { log: true, ..Kind::default() };
        assert_eq!(labels(&Axis::new(1e-6, 1e2, log, 4)), ["10⁻⁶", "10⁻⁴", "10⁻²", "10⁰", "10²"]);
        assert_eq!(labels(&Axis::new(1.0, 10.0, log, 6)), ["1", "2", "5", "10"]);
        assert!(Axis::new(1.0, 2.0, log, 6).ticks.len() > 2);
    }

    /// Ranges that cannot be drawn as they are become ones that can: two ticks or more, all places finite.
    #[test]
    fn hostile_ranges() {
        let cases = [
            (0.0, 0.0),
            (5.0, 5.0),
            (-1e-320, 1e-320),
            (1e16, 1e16 + 2.0),
            (f64::NAN, 1.0),
            (f64::NEG_INFINITY, f64::INFINITY),
            (-1e300, 1e300),
            (f64::MIN, f64::MAX),
            (3.0, 1.0),
            (1e-310, 1e-300),
        ];
        for (lo, hi) in cases {
            for log in [false, true] {
                for whole in [false, true] {
                    let axis = Axis::new(lo, hi, Kind { log, whole, room: 0.05 }, 5);
                    assert!(axis.lo < axis.hi && axis.ticks.len() < 40, "{lo} {hi} {axis:?}");
                    assert!(axis.ticks.iter().all(|tick| axis.place(tick.0).is_some()), "{lo} {hi} {axis:?}");
                    assert!(axis.place(axis.lo).is_some_and(|t| t.abs() < 1e-6), "{lo} {hi} {axis:?}");
                }
            }
        }
    }
}
