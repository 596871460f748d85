//! The data of a plot: grid, bands, bars, lines and error bars through plotters; dots, reference lines and class names
//! as SVG of our own, which is a tenth of the size.

use plotters::prelude::*;

use super::{
    colors::{Rgb, hex},
    draw::Frame,
    plot::{Mark, Series},
    text::{self, Anchor, SIZE, number},
};

/// plotters places everything on whole pixels; drawn this many times larger and shown at the right size, curves are
/// smooth.
const FINE: f64 = 8.0;
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

/// Everything inside the frame, in its coordinates.
pub(super) fn draw(series: &[Series], frame: &Frame) -> Result<String, String> {
    let size = ((frame.width * FINE).ceil() as u32, (frame.height * FINE).ceil() as u32);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        plotters(series, frame, &area).map_err(|error| error.to_string())?;
        area.present().map_err(|error| error.to_string())?;
    }
    // plotters writes a document; its content goes into ours.
    let content = svg.split_once('>').map_or("", |(_, rest)| rest).trim_end().trim_end_matches("</svg>");
    let mut out = format!(
        "<g transform=\"scale({})\" stroke-linejoin=\"round\" stroke-linecap=\"round\">{content}</g>\n",
        1.0 / FINE
    );
    out += &dots(series, frame);
    out += &references(series, frame);
    out += &names(series, frame);
    Ok(out)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn plotters(series: &[Series], frame: &Frame, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
    let mut chart = ChartBuilder::on(area).build_cartesian_2d(frame.x.clone(), frame.y.clone())?;
    chart
        .configure_mesh()
        .disable_axes()
        .bold_line_style(ShapeStyle {
            color: RGBColor(0xe4, 0xe7, 0xeb).to_rgba(),
            filled: false,
            stroke_width: FINE as u32,
        })
        .light_line_style(TRANSPARENT)
        .draw()?;
    let line = |[r, g, b]: Rgb, width: f64| ShapeStyle {
        color: RGBColor(r, g, b).to_rgba(),
        filled: false,
        stroke_width: (width * FINE) as u32,
    };
    let area = |[r, g, b]: Rgb, alpha| RGBColor(r, g, b).mix(alpha).filled();
    let (y_lo, _) = frame.y.ends();
    for s in series.iter().filter(|s| s.mark == Mark::Band) {
        let mut outline: Vec<_> = s.data.iter().map(|d| (d[0], d[1])).collect();
        outline.extend(s.data.iter().rev().map(|d| (d[0], d[2])));
        chart.draw_series([Polygon::new(outline, area(s.color, 0.25))])?;
    }
    for s in series.iter().filter(|s| matches!(s.mark, Mark::Histogram { .. })) {
        // Bars stand on zero, or on the floor of a logarithmic axis.
        let base = if frame.y.place(0.0).is_some() { 0.0 } else { y_lo };
        let steps = || s.data.iter().flat_map(|d| [(d[0], d[2].max(base)), (d[1], d[2].max(base))]);
        // One outline for all bars: neighbours leave no seam.
        if let (Some(first), Some(last)) = (s.data.first(), s.data.last()) {
            let outline = [(first[0], base)].into_iter().chain(steps()).chain([(last[1], base)]).collect::<Vec<_>>();
            chart.draw_series([Polygon::new(outline, area(s.color, 0.45))])?;
        }
        chart.draw_series([PathElement::new(steps().collect::<Vec<_>>(), line(s.color, 1.25))])?;
    }
    for s in series.iter().filter(|s| s.mark == Mark::Line) {
        for run in s.data.split(|d| d[0].is_nan()) {
            chart.draw_series([PathElement::new(thin(run), line(s.color, 2.0))])?;
        }
    }
    for s in series.iter().filter(|s| s.mark == Mark::Errors) {
        for &[x, y, error] in &s.data {
            let (low, high) = (y - error.abs(), y + error.abs());
            // The lower end may lie below a logarithmic axis.
            let low = if frame.y.place(low).is_some() { low } else { y_lo };
            chart.draw_series([PathElement::new(vec![(x, low), (x, high)], line(s.color, 1.5))])?;
        }
    }
    Ok(())
}

/// At most about [`MOST_POINTS`] points that look the same: the first, least, greatest and last of each group.
fn thin(run: &[[f64; 3]]) -> Vec<(f64, f64)> {
    let group = run.len().div_ceil(MOST_POINTS / 4);
    if run.len() <= MOST_POINTS {
        return run.iter().map(|d| (d[0], d[1])).collect();
    }
    run.chunks(group)
        .flat_map(|chunk| {
            let by = |a: &usize, b: &usize| chunk[*a][1].total_cmp(&chunk[*b][1]);
            let mut keep = vec![0, chunk.len() - 1];
            keep.extend((0..chunk.len()).min_by(by));
            keep.extend((0..chunk.len()).max_by(by));
            keep.sort_unstable();
            keep.dedup();
            keep.into_iter().map(|i| (chunk[i][0], chunk[i][1]))
        })
        .collect()
}

/// Where a point is drawn; `None` outside the frame.
fn place(frame: &Frame, [x, y, _]: &[f64; 3]) -> Option<(f64, f64)> {
    let (x, y) = (frame.x.place(*x)?, frame.y.place(*y)?);
    let inside = (-0.02..=1.02).contains(&x) && (-0.02..=1.02).contains(&y);
    inside.then_some((x * frame.width, (1.0 - y) * frame.height))
}

/// Dots as ends of lines without length, series taking turns.
fn dots(series: &[Series], frame: &Frame) -> String {
    let dotted = |s: &&Series| matches!(s.mark, Mark::Points | Mark::Class { .. } | Mark::Errors);
    let most = series.iter().filter(dotted).map(|s| s.data.len()).max().unwrap_or(0);
    let all: usize = series.iter().filter(dotted).map(|s| s.data.len()).sum();
    let (size, opacity) = match all {
        0..=100 => (6.5, 0.95),
        101..=1000 => (5.0, 0.8),
        1001..=4000 => (4.0, 0.7),
        _ => (3.0, 0.6),
    };
    let mut out = String::new();
    for turn in 0..most.div_ceil(TURN) {
        for s in series.iter().filter(dotted) {
            let chunk = s.data.iter().skip(turn * TURN).take(TURN);
            let path: String =
                chunk.filter_map(|d| place(frame, d)).map(|(x, y)| format!("M{x:.1} {y:.1}h0")).collect();
            if !path.is_empty() {
                let cap = if s.mark == (Mark::Class { square: true }) { "square" } else { "round" };
                out += &format!(
                    "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{size}\" stroke-linecap=\"{cap}\" \
                     opacity=\"{opacity}\"/>\n",
                    hex(s.color)
                );
            }
        }
    }
    out
}

/// The dash pattern of the reference line number `index`.
pub(super) fn dashes(index: usize) -> &'static str {
    ["6 4", "2 3", "10 3 2 3", "10 4"][index % 4]
}

/// Dashed lines across the frame.
fn references(series: &[Series], frame: &Frame) -> String {
    let across = series.iter().filter(|s| matches!(s.mark, Mark::Horizontal | Mark::Vertical));
    let mut out = String::new();
    for (i, s) in across.enumerate() {
        let path = match (s.mark, s.data.first()) {
            (Mark::Horizontal, Some(d)) => {
                frame.y.place(d[1]).map(|t| format!("M0 {}H{}", number((1.0 - t) * frame.height), number(frame.width)))
            }
            (_, Some(d)) => {
                frame.x.place(d[0]).map(|t| format!("M{} 0V{}", number(t * frame.width), number(frame.height)))
            }
            _ => None,
        };
        if let Some(path) = path {
            let (color, dashes) = (hex(s.color), dashes(i));
            out += &format!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\" stroke-dasharray=\"{dashes}\"/>\n"
            );
        }
    }
    out
}

/// The name of each class at the median of its dots, on a halo.
fn names(series: &[Series], frame: &Frame) -> String {
    let mut out = String::new();
    for s in series.iter().filter(|s| matches!(s.mark, Mark::Class { .. }) && !s.data.is_empty()) {
        let median = |axis: usize| {
            let mut values: Vec<f64> = s.data.iter().map(|d| d[axis]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        if let Some((x, y)) = place(frame, &[median(0), median(1), 0.0]) {
            // A name near the edge stays inside.
            let half = text::width(&s.label, SIZE + 1.0) / 2.0;
            let x = x.clamp(half.min(frame.width / 2.0), (frame.width - half).max(frame.width / 2.0));
            let halo = " font-weight=\"700\" paint-order=\"stroke\" stroke=\"#ffffff\" stroke-width=\"4\" \
                        stroke-linejoin=\"round\"";
            out += &text::text(x, y + 0.35 * SIZE, Anchor::Middle, SIZE + 1.0, halo, &s.label);
        }
    }
    out
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
        assert!(thinned.len() <= MOST_POINTS && thinned.contains(&(77_777.0, 9.0)));
        assert_eq!((thinned[0].0, thinned[thinned.len() - 1].0), (0.0, 99_999.0));
    }
}
