//! The legend: above the data, in as many lines as it needs.

use super::{
    colors::hex,
    marks::dashes,
    plot::{Mark, Series},
    text::{self, Anchor, LEADING, SIZE, number},
};

/// Width of the sample of a line or colour before its name.
const SAMPLE: f64 = 20.0;
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
            let entry = SAMPLE + GAP + text::width(name, SIZE);
            if x > 0.0 && x + entry > width {
                (x, line) = (0.0, line + 1);
            }
            let mut svg = String::new();
            let mut references = 0;
            for s in series {
                if s.label == *name {
                    svg += &sample(s, references);
                }
                references += usize::from(matches!(s.mark, Mark::Horizontal | Mark::Vertical));
            }
            svg += &text::text(SAMPLE + GAP, 0.35 * SIZE, Anchor::Start, SIZE, "", name);
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

/// How a series is drawn, in a box of [`SAMPLE`] pixels around y = 0.
fn sample(series: &Series, reference: usize) -> String {
    let color = hex(series.color);
    let line = |d: &str, width: f64, more: &str| {
        format!("<path d=\"{d}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{more}/>")
    };
    match series.mark {
        Mark::Line => line("M0 0H20", 2.0, ""),
        Mark::Points | Mark::Class { square: false } => line("M10 0h0", 8.0, " stroke-linecap=\"round\""),
        Mark::Class { square: true } => line("M10 0h0", 8.0, " stroke-linecap=\"square\""),
        Mark::Band => format!("<rect y=\"-6\" width=\"20\" height=\"12\" fill=\"{color}\" opacity=\"0.25\"/>"),
        Mark::Histogram { .. } => format!(
            "<rect x=\"4\" y=\"-6\" width=\"12\" height=\"12\" fill=\"{color}\" fill-opacity=\"0.45\" stroke=\"{color}\"/>"
        ),
        Mark::Errors => line("M10 -7V7", 1.5, "") + &line("M10 0h0", 6.5, " stroke-linecap=\"round\""),
        Mark::Horizontal => line("M0 0H20", 1.5, &format!(" stroke-dasharray=\"{}\"", dashes(reference))),
        Mark::Vertical => line("M10 -7V7", 1.5, &format!(" stroke-dasharray=\"{}\"", dashes(reference))),
    }
}
