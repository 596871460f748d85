//! A table of numbers as colours: rows and columns with names, a number in each cell, and a colour bar.

use std::path::Path;

use super::{
    Figure, Number,
    colors::{AXIS, INK, NOT_FINITE, Rgb, hex},
    text::{self, Anchor, FAINT, SIZE, TITLE, fixed, number},
};
use crate::Result;

/// A cell in CSS pixels, as narrow as it may be.
const CELL: (f64, f64) = (52.0, 26.0);
/// A cell without a number: a row's name has its height, and all columns share this width.
const PLAIN: (f64, f64) = (280.0, 16.0);
/// Names of columns are broken into lines of this width.
const COLUMN: f64 = 72.0;
/// A map with more rows or columns than this is a slip, and no picture.
const LONGEST_SIDE: usize = 200;
/// Steps of the colour bar.
const STEPS: usize = 32;
/// The colours of the least and the greatest value: equal steps of the value are steps of one hue, from light to dark.
const ENDS: [Rgb; 2] = [[0xf6, 0xf8, 0xfa], [0x0b, 0x3d, 0x78]];

/// A table of numbers as colours: how much each dimension of a code tells of each factor.
///
/// The scale goes from 0, or the least value where that is negative, to the greatest; or has the ends of
/// [`range`](Self::range). Values that are not finite are drawn in magenta.
///
/// ```
/// use vae_core::viz::Heatmap;
///
/// let map = Heatmap::new("Mutual information", "share of the factor's entropy")
///     .columns(["shape", "x"])
///     .row("z₀", [0.02, 0.91])
///     .row("z₁", [0.40, 0.03]);
/// assert!(map.to_figure().to_svg().contains(">0.91</text>"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Heatmap {
    title: String,
    label: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<f64>)>,
    range: Option<(f64, f64)>,
    plain: bool,
}

impl Heatmap {
    /// A map without rows. `label` names what the colours mean, with its unit.
    pub fn new(title: impl Into<String>, label: impl Into<String>) -> Self {
        Self { title: title.into(), label: label.into(), ..Self::default() }
    }

    /// The names of the columns, in order.
    pub fn columns(mut self, names: impl IntoIterator<Item = impl ToString>) -> Self {
        self.columns = names.into_iter().map(|name| name.to_string()).collect();
        self
    }

    /// One more row, below the others. Missing cells are empty.
    pub fn row(mut self, name: impl ToString, values: impl IntoIterator<Item = impl Number>) -> Self {
        self.rows.push((name.to_string(), values.into_iter().map(|value| value.number()).collect()));
        self
    }

    /// The values at the ends of the colour scale; what is beyond has the colour of the end.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Small cells without numbers, for tables that are read by their pattern. Where columns are narrow, not each has its name.
    pub fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Width and height of a cell.
    fn cell(&self, columns: usize, widest: f64) -> (f64, f64) {
        if !self.plain {
            return (widest, CELL.1);
        }
        let named = self.rows.iter().any(|(name, _)| !name.is_empty());
        ((PLAIN.0 / columns.max(1) as f64).clamp(2.0, 48.0), if named { PLAIN.1 } else { PLAIN.1 / 4.0 })
    }

    /// The values at the ends of the scale, the first below the second.
    fn ends(&self) -> (f64, f64) {
        let finite = self.rows.iter().flat_map(|row| &row.1).filter(|value| value.is_finite());
        let found = finite.fold((0f64, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
        let (low, high) = self.range.unwrap_or(found);
        // Halves, since the distance of two finite numbers may not be one.
        if low.is_finite() && high.is_finite() && high / 2.0 > low / 2.0 { (low, high) } else { (0.0, 1.0) }
    }

    /// The map as a figure that says `finding` to readers who cannot see it; see [`Figure::alt`].
    pub fn alt(&self, finding: impl Into<String>) -> Figure {
        self.to_figure().alt(finding)
    }

    /// The map as a figure, to be laid out with others.
    pub fn to_figure(&self) -> Figure {
        let columns = self.rows.iter().map(|row| row.1.len()).chain([self.columns.len()]).max().unwrap_or(0);
        if columns.max(self.rows.len()) > LONGEST_SIDE {
            let problem = format!("{} rows and {columns} columns; expected {LONGEST_SIDE} or fewer", self.rows.len());
            return Figure::apology(&format!("the heat map \"{}\"", self.title), &problem);
        }
        let names: Vec<Vec<String>> = self.columns.iter().map(|name| text::wrap(name, SIZE, COLUMN)).collect();
        let numbers = self.rows.iter().filter(|_| !self.plain).flat_map(|row| &row.1).map(|value| written(*value));
        let words = names.iter().flatten().cloned().chain(numbers);
        let narrowest = if self.plain { 0.0 } else { CELL.0 };
        let widest = words.map(|word| text::width(&word, SIZE) + 8.0).fold(narrowest, f64::max);
        let (cell_width, cell_height) = self.cell(columns, widest);
        // Every so many-th column has its name, so that names do not touch.
        let every = (widest / cell_width).ceil().max(1.0) as usize;
        let left = self.rows.iter().map(|(name, _)| text::width(name, SIZE)).fold(0.0, f64::max).ceil() + 8.0;
        let width = (left + cell_width * columns as f64).max(left + 4.0 * CELL.0);
        let title = text::wrap(&self.title, TITLE, width);
        let head = text::height(title.len(), TITLE) + 6.0;
        let top = head + text::height(names.iter().map(Vec::len).max().unwrap_or(0), SIZE) + 4.0;
        let bottom = top + cell_height * self.rows.len() as f64;

        let mut body = text::lines(0.0, 0.0, TITLE, " font-weight=\"600\"", &title);
        for (c, lines) in names.iter().enumerate().filter(|(c, _)| c % every == 0) {
            let x = left + (c as f64 + 0.5) * cell_width;
            for (i, line) in lines.iter().rev().enumerate() {
                let y = top - 6.0 - text::LEADING * SIZE * i as f64;
                body += &text::text(x, y, Anchor::Middle, SIZE, "", line);
            }
        }
        for (r, (name, values)) in self.rows.iter().enumerate() {
            let y = top + cell_height * r as f64;
            let baseline = y + cell_height / 2.0 + 0.35 * SIZE;
            body += &text::text(left - 8.0, baseline, Anchor::End, SIZE, "", name);
            for (c, &value) in values.iter().enumerate() {
                let (x, color) = (left + c as f64 * cell_width, self.color(value));
                body += &rectangle(x, y, (cell_width, cell_height), color);
                if self.plain {
                    continue;
                }
                let ink = format!(" fill=\"{}\"", hex(ink_on(color)));
                body += &text::text(x + cell_width / 2.0, baseline, Anchor::Middle, SIZE, &ink, &written(value));
            }
        }
        let (bar, height) = self.bar(left, bottom + 12.0, width - left);
        let alt = format!("{}: {} of {} rows and {columns} columns", self.title, self.label, self.rows.len());
        Figure { width, height: bottom + 12.0 + height, head, body: body + &bar, alt }
    }

    /// The colour bar with its ends and its name, and how high that is.
    fn bar(&self, x: f64, y: f64, width: f64) -> (String, f64) {
        let (low, high) = self.ends();
        let step = width / STEPS as f64;
        let mut out = String::new();
        for i in 0..STEPS {
            let share = i as f64 / (STEPS - 1) as f64;
            // Half a pixel wider, so that no line shows between two.
            let wider = if i + 1 < STEPS { 0.5 } else { 0.0 };
            out += &rectangle(x + step * i as f64, y, (step + wider, 10.0), mix(share));
        }
        let [left, top, wide] = [x, y, width].map(number);
        out += &format!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"10\" fill=\"none\" stroke=\"{}\"/>\n",
            hex(AXIS)
        );
        out += &text::text(x, y + 12.0 + SIZE, Anchor::Start, SIZE, "", &written(low));
        out += &text::text(x + width, y + 12.0 + SIZE, Anchor::End, SIZE, "", &written(high));
        let label = text::wrap(&self.label, SIZE, width);
        let faint = format!(" fill=\"{FAINT}\"");
        out += &text::lines(x, y + 16.0 + SIZE, SIZE, &faint, &label);
        (out, 16.0 + SIZE + text::height(label.len(), SIZE))
    }

    fn color(&self, value: f64) -> Rgb {
        let (low, high) = self.ends();
        if !value.is_finite() {
            return NOT_FINITE;
        }
        mix(((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)).clamp(0.0, 1.0))
    }

    /// Writes the map to `path`, an `.svg`.
    ///
    /// # Errors
    ///
    /// Those of [`Figure::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.to_figure().save(path)
    }

    /// Shows the map in the notebook cell that is running.
    pub fn evcxr_display(&self) {
        self.to_figure().evcxr_display();
    }
}

impl From<Heatmap> for Figure {
    fn from(map: Heatmap) -> Self {
        map.to_figure()
    }
}

fn rectangle(x: f64, y: f64, (width, height): (f64, f64), color: Rgb) -> String {
    let [x, y, width, height] = [x, y, width, height].map(number);
    format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n", hex(color))
}

/// The colour at a share of the scale.
fn mix(share: f64) -> Rgb {
    std::array::from_fn(|i| {
        let [light, dark] = ENDS.map(|color| f64::from(color[i]));
        (light + (dark - light) * share).round() as u8
    })
}

/// Black or white, whichever is read better on a colour: by its luminance (WCAG 2.1, with a power for the curve).
fn ink_on(color: Rgb) -> Rgb {
    let [r, g, b] = color.map(|c| (f64::from(c) / 255.0).powf(2.2));
    // Where the contrasts (L + 0.05) / 0.05 and 1.05 / (L + 0.05) are equal.
    if 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 { INK } else { [0xff; 3] }
}

/// Two decimals where they say something; otherwise as an exponent.
fn written(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".into(),
        value if value.is_infinite() => if value > 0.0 { "∞" } else { "−∞" }.into(),
        value if value.abs() >= 1000.0 => format!("{value:.0e}").replace('-', "−"),
        value => fixed(value, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(map: Heatmap) -> String {
        map.to_figure().to_svg()
    }

    /// The least value is light under dark ink, the greatest dark under light ink; a range of one's own moves both.
    #[test]
    fn colours_follow_values() {
        let map = Heatmap::new("t", "l").row("a", [0.0, 0.5, 1.0]);
        assert_eq!((map.color(0.0), map.color(1.0)), (ENDS[0], ENDS[1]));
        assert_eq!((ink_on(ENDS[0]), ink_on(ENDS[1])), (INK, [0xff; 3]));
        assert_eq!(map.clone().range(0.0, 2.0).color(1.0), mix(0.5));
        assert_eq!(map.range(0.0, 0.5).color(1.0), ENDS[1]);
        assert_eq!(Heatmap::new("t", "l").row("a", [-3.0, 1.0]).ends(), (-3.0, 1.0));
    }

    /// Each value stands in its cell and each name beside its row or above its column.
    #[test]
    fn names_and_numbers() {
        let svg =
            svg(Heatmap::new("t", "nats").columns(["first", "second"]).row("a", [0.25, -1.5]).row("b", [7, 1234]));
        for word in [">first<", ">second<", ">a<", ">b<", ">0.25<", ">−1.50<", ">7.00<", ">1e3<", ">nats<"] {
            assert!(svg.contains(word), "{word}: {svg}");
        }
    }

    /// A column is as wide as its longest number, so that numbers do not touch.
    #[test]
    fn long_numbers_widen_columns() {
        let width = |value: f64| Heatmap::new("t", "l").row("a", [value; 6]).to_figure().width;
        assert!(width(-105.43) > width(1.0));
    }
}
