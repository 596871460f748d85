//! What a plot draws of data that leave its range: lines keep their slope, points outside are not drawn, on linear and
//! logarithmic axes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use vae_core::viz::Plot;

/// The paths with this attribute, as their parts (pixels from the frame's upper left corner), and the frame's size.
fn drawn(plot: &Plot, attribute: &str) -> (Vec<Vec<[f64; 2]>>, [f64; 2]) {
    let svg = plot.to_figure().to_svg();
    let (_, frame) = svg.split_once("<svg x=").unwrap();
    let number = |name: &str| frame.split_once(name).unwrap().1.split('"').next().unwrap().parse().unwrap();
    let size = [number("width=\""), number("height=\"")];
    let (frame, _) = frame.split_once("</svg>").unwrap();
    let paths = frame.lines().filter(|line| line.starts_with("<path") && line.contains(attribute));
    (paths.flat_map(|path| decode(path.split('"').nth(1).unwrap())).collect(), size)
}

/// The places of a path of M, m, l, h and v, a list for each move.
fn decode(d: &str) -> Vec<Vec<[f64; 2]>> {
    let (mut parts, mut at) = (Vec::new(), [0.0, 0.0]);
    let starts = d.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(i, _)| i);
    for (start, end) in starts.clone().zip(starts.skip(1).chain([d.len()])) {
        let spaced = d[start + 1..end].replace('-', " -");
        let mut numbers = spaced.split_whitespace().map(|n| n.parse::<f64>().unwrap());
        let mut next = || numbers.next().unwrap();
        match &d[start..=start] {
            "M" => at = [next(), next()],
            "m" | "l" => at = [at[0] + next(), at[1] + next()],
            "h" => at[0] += next(),
            "v" => at[1] += next(),
            other => panic!("{other} in {d}"),
        }
        match &d[start..=start] {
            "M" | "m" => parts.push(vec![at]),
            _ => parts.last_mut().unwrap().push(at),
        }
    }
    parts
}

const LINE: &str = "stroke-width=\"2\"";
const DOTS: &str = "h0";

/// A line from the middle of the plot to far outside goes straight on beyond the frame, whatever the axes.
#[test]
fn a_line_that_leaves_keeps_its_slope() {
    let plot = || Plot::new("t", "x", "y").x_range(0.0, 10.0).y_range(0.0, 10.0);
    let log = || plot().log_y().y_range(1.0, 100.0);
    // Each end is 2 widths and 10 heights of the frame away from the middle.
    let cases = [
        (plot(), [(5.0, 5.0), (25.0, 105.0)]),
        (log(), [(5.0, 10.0), (25.0, 1e21)]),
        (log().log_x().x_range(1.0, 100.0), [(10.0, 10.0), (1e5, 1e21)]),
    ];
    for (plot, line) in cases {
        let (parts, [width, height]) = drawn(&plot.line("a", line), LINE);
        let (from, to) = (parts[0][0], parts[0][1]);
        let slope = (from[1] - to[1]) / height / ((to[0] - from[0]) / width);
        assert!((slope - 5.0).abs() < 0.05, "{slope}");
        assert!((from[0] - width / 2.0).abs() < 0.1 && (from[1] - height / 2.0).abs() < 0.1, "{from:?}");
        assert!((-10.0..0.0).contains(&to[1]), "ends a little beyond the upper edge: {to:?}");
    }
}

/// The descent of notebook 02 that leaves its plot at the bottom: what is drawn inside the frame are points of the data, each
/// in its place, and none is moved to the edge.
#[test]
fn no_point_is_moved_to_the_edge() {
    let (low, high) = (1e-2f64, 1e3f64);
    let mut sigma = 1.0f64;
    let descent: Vec<f64> = (0..400)
        .map(|_| {
            sigma -= 0.015 * (sigma / (0.1 * 0.1) - 1.0 / sigma);
            sigma.abs()
        })
        .collect();
    let line = || descent.iter().copied().enumerate();
    let inside = descent.iter().filter(|sigma| **sigma > low).count();
    assert!(inside > 5 && inside < descent.len(), "{inside} of {}", descent.len());
    let last = descent.len() as f64 - 1.0;
    let plot = Plot::new("t", "step", "σ").log_y().x_range(0.0, last).y_range(low, high);
    for (attribute, plot) in [(LINE, plot.clone().line("a", line())), (DOTS, plot.points("a", line()))] {
        let (parts, [width, height]) = drawn(&plot, attribute);
        let mut places: Vec<[f64; 2]> = parts.concat();
        places.retain(|[_, y]| (0.0..=height).contains(y));
        places.dedup();
        let want = line().filter(|p| p.1 > low).map(|(step, sigma)| {
            [step as f64 / last * width, (1.0 - (sigma / low).log10() / (high / low).log10()) * height]
        });
        assert_eq!(places.len(), inside);
        for (place, want) in places.iter().zip(want) {
            assert!((place[0] - want[0]).abs() < 0.1 && (place[1] - want[1]).abs() < 0.1, "{place:?} {want:?}");
        }
    }
}

/// Of points, those outside the range are left out; a line breaks where a value is none.
#[test]
fn what_is_outside_or_no_number() {
    let points = [(1.0, 1.0), (2.0, 10.001), (-0.001, 3.0), (4.0, f64::NAN), (5.0, 5.0), (6.0, 6.0)];
    let plot = Plot::new("t", "x", "y").x_range(0.0, 10.0).y_range(0.0, 10.0);
    assert_eq!(drawn(&plot.clone().points("a", points), DOTS).0.len(), 3);
    let parts = drawn(&plot.line("a", points), LINE).0;
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2], "{parts:?}");
}

/// What is far outside takes no room in the file, in every kind of mark.
#[test]
fn nothing_outside_is_written() {
    let far = || (0..1000).map(|i| (f64::from(i), 1e9 * f64::from(i % 7)));
    let triples = || far().map(|(x, y)| (x, y, y + 1.0));
    let plot = Plot::new("t", "x", "y").x_range(-9.0, -1.0).y_range(-9.0, -1.0);
    let marks = plot.line("", far()).points("", far()).band("", triples()).error_bars("", triples());
    assert_eq!(drawn(&marks, "d=").0.len(), 0, "{}", marks.to_figure().to_svg());
}
