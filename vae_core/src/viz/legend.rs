//! The legend: above the data, in as many lines as it needs.

use super::{
    colors::hex,
    marks::dashes,
    plot::{Mark, Series},
    text::{self, Anchor, LEADING, SIZE, number},
};

/// Space between a sample and its name, and twice that between entries.
const GAP: f64 = 6.0;

/// Names of series with samples of how they are drawn.
pub(super) struct Legend {
    /// Each with its x, line and SVG.
    body: Vec<(f64, usize, String)>,
    /// 0 where nothing has a name.
    pub(super) height: f64,
}

impl Legend {
    /// The legend of `series` in lines of at most `width` pixels.
    pub(super) fn new(series: &[Series], width: f64) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for s in series {
            if !s.label.is_empty() && !names.contains(&s.label.as_str()) {
                names.push(&s.label);
            }
        }
        let (mut body, mut x, mut line) = (Vec::new(), 0.0, 0);
        for name in &names {
            let own = || series.iter().filter(|s| s.label == *name);
            let sample_width = own().map(|s| sample_width(s.mark)).fold(0.0, f64::max);
            let entry = sample_width + GAP + text::width(name, SIZE);
            if x > 0.0 && x + entry > width {
                (x, line) = (0.0, line + 1);
            }
            let mut svg = String::new();
            let mut references = 0;
            for s in series {
                if s.label == *name {
                    svg += &sample(s, sample_width, references);
                }
                references += usize::from(matches!(s.mark, Mark::Horizontal | Mark::Vertical));
            }
            svg += &text::text(sample_width + GAP, 0.35 * SIZE, Anchor::Start, SIZE, "", name);
            body.push((x, line, svg));
            x += entry + 2.0 * GAP;
        }
        let height = if body.is_empty() { 0.0 } else { text::height(line + 1, SIZE) };
        Self { body, height }
    }

    /// The legend with its upper edge at `top`.
    pub(super) fn draw(&self, top: f64) -> String {
        let row = SIZE * LEADING;
        let entry = |(x, line, svg): &(f64, usize, String)| {
            let (x, y) = (number(*x), number(top + row * (*line as f64 + 0.5)));
            format!("<g transform=\"translate({x} {y})\">{svg}</g>\n")
        };
        self.body.iter().map(entry).collect()
    }
}

/// Lines need room to be told apart, dots do not.
fn sample_width(mark: Mark) -> f64 {
    match mark {
        Mark::Line | Mark::Guess | Mark::Band | Mark::Horizontal => 20.0,
        _ => 12.0,
    }
}

/// How a series is drawn, in a box of `width` pixels around y = 0.
fn sample(series: &Series, width: f64, reference: usize) -> String {
    let (color, middle) = (hex(series.color), width / 2.0);
    let stroke = |d: String, width: f64, more: &str| {
        format!("<path d=\"{d}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{more}/>")
    };
    let dot = |size, cap| stroke(format!("M{middle} 0h0"), size, &format!(" stroke-linecap=\"{cap}\""));
    let dashed = |d| stroke(d, 1.5, &format!(" stroke-dasharray=\"{}\"", dashes(reference)));
    match series.mark {
        Mark::Line => stroke(format!("M0 0H{width}"), 2.0, ""),
        Mark::Guess => stroke(format!("M0 0H{width}"), 1.5, " stroke-dasharray=\"5 4\""),
        Mark::Points | Mark::Class { square: false } => dot(8.0, "round"),
        Mark::Class { square: true } => dot(8.0, "square"),
        Mark::Band => format!("<rect y=\"-6\" width=\"{width}\" height=\"12\" fill=\"{color}\" opacity=\"0.25\"/>"),
        Mark::Histogram { .. } => format!(
            "<rect x=\"{}\" y=\"-6\" width=\"12\" height=\"12\" fill=\"{color}\" fill-opacity=\"0.45\" stroke=\"{color}\"/>",
            middle - 6.0
        ),
        Mark::Errors => stroke(format!("M{middle} -7V7"), 1.5, "") + &dot(6.5, "round"),
        Mark::Horizontal => dashed(format!("M0 0H{width}")),
        Mark::Vertical => dashed(format!("M{middle} -7V7")),
    }
}
