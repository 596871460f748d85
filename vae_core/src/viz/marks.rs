//! The data of a plot: bands, bars, lines, error bars, dots, reference lines and class names, each as SVG.

use super::{
    colors::hex,
    draw::Frame,
    path::{Path, Place},
    plot::{Mark, Series},
    text::{self, Anchor, SIZE},
};

/// A line with more points than this is thinned to the extremes of neighbours.
const MOST_POINTS: usize = 4000;
/// Dots that share one path, so that classes take turns in lying above each other.
const TURN: usize = 64;

/// How many `values` lie in each of `bins` equal intervals from `lo` to `hi`: (left, right, height).
pub(super) fn count(values: impl Iterator<Item = f64>, lo: f64, hi: f64, bins: usize, density: bool) -> Vec<[f64; 3]> {
    if !lo.is_finite() || !hi.is_finite() || lo > hi {
        return Vec::new();
    }
    let (lo, hi) = if hi - lo > lo.abs().max(hi.abs()) * 1e-12 { (lo, hi) } else { (lo - 0.5, hi + 0.5) };
    let mut counts = vec![0.0; bins];
    let mut all: f64 = 0.0;
    for value in values.filter(|v| (lo..=hi).contains(v)) {
        counts[(((value - lo) / (hi - lo) * bins as f64) as usize).min(bins - 1)] += 1.0;
        all += 1.0;
    }
    let step = (hi - lo) / bins as f64;
    let unit = if density { 1.0 / (all.max(1.0) * step) } else { 1.0 };
    let edge = |i: usize| lo + i as f64 * step;
    counts.iter().enumerate().map(|(i, n)| [edge(i), edge(i + 1), n * unit]).collect()
}

/// Everything inside the frame, in its coordinates: areas below lines, lines below dots, names on top.
pub(super) fn draw(series: &[Series], frame: &Frame) -> String {
    let mut layers: Vec<(u8, String)> = series
        .iter()
        .map(|s| match s.mark {
            Mark::Band => (0, band(s, frame)),
            Mark::Histogram { .. } => (1, histogram(s, frame)),
            Mark::Line => (2, line(s, frame, "stroke-width=\"2\"")),
            Mark::Guess => (2, line(s, frame, "stroke-width=\"1.5\" stroke-dasharray=\"5 4\"")),
            Mark::Errors => (3, errors(s, frame)),
            _ => (4, String::new()),
        })
        .collect();
    layers.sort_by_key(|layer| layer.0);
    layers.push((4, dots(series, frame)));
    let marks: String = layers.into_iter().map(|layer| layer.1).collect();
    format!("<g fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\">\n{marks}</g>\n")
        + &references(series, frame)
        + &names(series, frame)
}

impl Frame {
    fn path(&self) -> Path {
        Path::new(self.width, self.height)
    }

    /// Where (x, y) lies, inside the frame or not; `None` where it cannot be drawn.
    fn at(&self, x: f64, y: f64) -> Option<Place> {
        Some((self.x.place(x)? * self.width, (1.0 - self.y.place(y)?) * self.height))
    }

    /// Where (x, y) lies, on the floor of a logarithmic axis that has no place for y.
    fn above_floor(&self, x: f64, y: f64) -> Option<Place> {
        let x = self.x.place(x)? * self.width;
        Some((x, self.y.place(y).map_or(self.height, |t| (1.0 - t) * self.height)))
    }
}

fn band(s: &Series, frame: &Frame) -> String {
    let low = s.data.iter().filter_map(|d| frame.at(d[0], d[1]));
    let high = s.data.iter().rev().filter_map(|d| frame.at(d[0], d[2]));
    frame.path().area(low.chain(high).collect()).draw(&format!("fill=\"{}\" opacity=\".25\"", hex(s.color)))
}

/// One outline for all bars, so that neighbours leave no seam.
fn histogram(s: &Series, frame: &Frame) -> String {
    let (Some(first), Some(last)) = (s.data.first(), s.data.last()) else { return String::new() };
    let steps: Vec<_> =
        s.data.iter().flat_map(|d| [(d[0], d[2]), (d[1], d[2])]).filter_map(|(x, y)| frame.above_floor(x, y)).collect();
    let floor = |x| frame.above_floor(x, 0.0);
    let outline = floor(first[0]).into_iter().chain(steps.iter().copied()).chain(floor(last[1])).collect();
    let color = hex(s.color);
    frame.path().area(outline).draw(&format!("fill=\"{color}\" opacity=\".45\""))
        + &frame.path().line(steps).draw(&format!("stroke=\"{color}\" stroke-width=\"1.25\""))
}

fn line(s: &Series, frame: &Frame, style: &str) -> String {
    let runs = s.data.split(|d| d[0].is_nan());
    let path = runs.fold(frame.path(), |path, run| path.line(thin(run).iter().filter_map(|d| frame.at(d[0], d[1]))));
    path.draw(&format!("stroke=\"{}\" {style}", hex(s.color)))
}

fn errors(s: &Series, frame: &Frame) -> String {
    let ends = |[x, y, error]: &[f64; 3]| [-1.0, 1.0].map(|sign| frame.above_floor(*x, y + sign * error.abs()));
    let path = s.data.iter().fold(frame.path(), |path, d| path.line(ends(d).into_iter().flatten()));
    path.draw(&format!("stroke=\"{}\" stroke-width=\"1.5\"", hex(s.color)))
}

/// At most about [`MOST_POINTS`] points that look the same: the first, least, greatest and last of each group.
fn thin(run: &[[f64; 3]]) -> Vec<[f64; 3]> {
    if run.len() <= MOST_POINTS {
        return run.to_vec();
    }
    run.chunks(run.len().div_ceil(MOST_POINTS / 4))
        .flat_map(|chunk| {
            let by = |a: &usize, b: &usize| chunk[*a][1].total_cmp(&chunk[*b][1]);
            let mut keep = vec![0, chunk.len() - 1];
            keep.extend((0..chunk.len()).min_by(by));
            keep.extend((0..chunk.len()).max_by(by));
            keep.sort_unstable();
            keep.dedup();
            keep.into_iter().map(|i| chunk[i])
        })
        .collect()
}

/// Dots, series taking turns.
fn dots(series: &[Series], frame: &Frame) -> String {
    let dotted = || series.iter().filter(|s| matches!(s.mark, Mark::Points | Mark::Class { .. } | Mark::Errors));
    let most = dotted().map(|s| s.data.len()).max().unwrap_or(0);
    let (size, opacity) = match dotted().map(|s| s.data.len()).sum() {
        0..=100 => (6.5, 0.95),
        101..=1000 => (5.0, 0.8),
        1001..=4000 => (4.0, 0.7),
        _ => (3.0, 0.6),
    };
    let turn = |s: &Series, turn: usize| {
        let square = if s.mark == (Mark::Class { square: true }) { " stroke-linecap=\"square\"" } else { "" };
        let places = s.data.iter().skip(turn * TURN).take(TURN).filter_map(|d| frame.at(d[0], d[1]));
        let color = hex(s.color);
        frame
            .path()
            .dots(places)
            .draw(&format!("stroke=\"{color}\" stroke-width=\"{size}\" opacity=\"{opacity}\"{square}"))
    };
    (0..most.div_ceil(TURN)).flat_map(|t| dotted().map(move |s| turn(s, t))).collect()
}

/// The dash pattern of the reference line number `index`.
pub(super) fn dashes(index: usize) -> &'static str {
    ["6 4", "2 3", "10 3 2 3", "10 4"][index % 4]
}

/// Dashed lines across the frame.
fn references(series: &[Series], frame: &Frame) -> String {
    let across = series.iter().filter(|s| matches!(s.mark, Mark::Horizontal | Mark::Vertical));
    let draw = |(i, s): (usize, &Series)| {
        let &[x, y, _] = s.data.first()?;
        let ends = if s.mark == Mark::Horizontal {
            let y = (1.0 - frame.y.place(y)?) * frame.height;
            [(0.0, y), (frame.width, y)]
        } else {
            let x = frame.x.place(x)? * frame.width;
            [(x, 0.0), (x, frame.height)]
        };
        let style = format!("stroke=\"{}\" stroke-width=\"1.5\" stroke-dasharray=\"{}\"", hex(s.color), dashes(i));
        Some(frame.path().line(ends).draw(&style))
    };
    across.enumerate().filter_map(draw).collect()
}

/// The name of each class at the median of its dots, on a halo.
fn names(series: &[Series], frame: &Frame) -> String {
    let name = |s: &Series| {
        let median = |axis: usize| {
            let mut values: Vec<f64> = s.data.iter().map(|d| d[axis]).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        let (x, y) = frame.at(median(0)?, median(1)?).filter(|place| frame.path().holds(*place))?;
        // A name near the edge stays inside.
        let half = text::width(&s.label, SIZE + 1.0) / 2.0;
        let x = x.clamp(half.min(frame.width / 2.0), (frame.width - half).max(frame.width / 2.0));
        let halo = " font-weight=\"700\" paint-order=\"stroke\" stroke=\"#ffffff\" stroke-width=\"4\" \
                    stroke-linejoin=\"round\"";
        Some(text::text(x, y + 0.35 * SIZE, Anchor::Middle, SIZE + 1.0, halo, &s.label))
    };
    series.iter().filter(|s| matches!(s.mark, Mark::Class { .. })).filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value in range is counted once, the greatest in the last bin; a density has area 1.
    #[test]
    fn counting() {
        let values = [0.0, 0.1, 0.5, 1.0, 1.0, f64::NAN, 7.0];
        let bins = count(values.into_iter(), 0.0, 1.0, 2, false);
        assert_eq!(bins, [[0.0, 0.5, 2.0], [0.5, 1.0, 3.0]]);
        let area: f64 = count(values.into_iter(), 0.0, 1.0, 7, true).iter().map(|d| d[2] * (d[1] - d[0])).sum();
        assert!((area - 1.0).abs() < 1e-12);
        assert_eq!(count([3.0, 3.0].into_iter(), 3.0, 3.0, 1, false), [[2.5, 3.5, 2.0]]);
        assert!(count([].into_iter(), f64::INFINITY, f64::NEG_INFINITY, 4, false).is_empty());
    }

    /// A long line keeps its extremes and its ends.
    #[test]
    fn thinning() {
        let mut run: Vec<[f64; 3]> = (0..100_000).map(|i| [i as f64, 0.0, 0.0]).collect();
        run[77_777][1] = 9.0;
        let thinned = thin(&run);
        assert!(thinned.len() <= MOST_POINTS && thinned.contains(&run[77_777]));
        assert_eq!((thinned[0], thinned[thinned.len() - 1]), (run[0], run[99_999]));
    }
}
