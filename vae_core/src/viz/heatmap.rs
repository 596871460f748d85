//! A matrix as colours, with a colour bar.

use std::fmt;
use std::path::Path;

use candle_core::{DType, Tensor};
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use super::{
    Figure,
    axis::{Axis, Kind},
    colors::{Rgb, Scale, ink_on, short},
    draw::Frame,
    text::{self, Anchor, FAINT, LEADING, SIZE, TITLE, number},
};
use crate::{Error, Result};

/// Width of the colour bar and its distance from the matrix.
const BAR: f64 = 14.0;
/// A matrix with more rows or columns than this is a slip, not a picture.
const LONGEST_SIDE: usize = 4096;

/// A matrix as colours, with labelled axes and a colour bar: covariances, gaps, a function of two variables.
///
/// Row 0 is at the top and places are counted from 0. With [`x_range`](Self::x_range) or [`y_range`](Self::y_range) the
/// matrix is a function of x and y on a regular grid instead, and row 0 is at the bottom. Values that are not finite are
/// drawn in magenta and counted below.
///
/// ```
/// use vae_core::{candle::{Device, Tensor}, viz::Heatmap};
///
/// let covariance = Tensor::new(&[[1.0, -0.4], [-0.4, 2.0]], &Device::Cpu)?;
/// let map = Heatmap::new("Posterior", "dimension", "dimension", "covariance", &covariance)?.centered().values();
/// assert!(map.to_figure().to_svg().contains(">−0.40</text>"));
/// # Ok::<(), vae_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Heatmap {
    title: String,
    x_label: String,
    y_label: String,
    value_label: String,
    rows: usize,
    columns: usize,
    data: Vec<f64>,
    size: (f64, f64),
    range: Option<(f64, f64)>,
    x_range: Option<(f64, f64)>,
    y_range: Option<(f64, f64)>,
    scale: Scale,
    values: bool,
}

/// A line instead of every value.
impl fmt::Debug for Heatmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heatmap {:?} of {}×{} values {}", self.title, self.rows, self.columns, super::output::NOT_DRAWN)
    }
}

impl Heatmap {
    /// The map of `matrix` (R, C), numbers of any kind. `value_label` names what the colours mean, with its unit.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another shape, a side of 0 or one beyond 4096.
    pub fn new(
        title: impl Into<String>,
        x_label: impl Into<String>,
        y_label: impl Into<String>,
        value_label: impl Into<String>,
        matrix: &Tensor,
    ) -> Result<Self> {
        let sides = 1..=LONGEST_SIDE;
        let (rows, columns) = match *matrix.dims() {
            [rows, columns] if sides.contains(&rows) && sides.contains(&columns) => (rows, columns),
            _ => {
                return Err(Error::Shape {
                    what: "matrix of a heat map",
                    expected: format!("(R, C), both from 1 to {LONGEST_SIDE}"),
                    got: matrix.dims().to_vec(),
                });
            }
        };
        Ok(Self {
            title: title.into(),
            x_label: x_label.into(),
            y_label: y_label.into(),
            value_label: value_label.into(),
            rows,
            columns,
            data: matrix.detach().to_dtype(DType::F64)?.flatten_all()?.to_vec1()?,
            size: (440.0, 380.0),
            range: None,
            x_range: None,
            y_range: None,
            scale: Scale::Sequential,
            values: false,
        })
    }

    /// Width and height in CSS pixels, between 200 × 160 and 4000 × 4000; 440 × 380 without it.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (f64::from(width.clamp(200, 4000)), f64::from(height.clamp(160, 4000)));
        self
    }

    /// The values at the ends of the colour scale; without it, the least and the greatest.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Blue for negative, white for zero, red for positive, equally far in both directions.
    pub fn centered(mut self) -> Self {
        self.scale = Scale::Diverging;
        self
    }

    /// The first and the last column are at x = `low` and `high`; row 0 is at the bottom.
    pub fn x_range(mut self, low: f64, high: f64) -> Self {
        self.x_range = Some((low, high));
        self
    }

    /// The first and the last row are at y = `low` and `high`; row 0 is at the bottom.
    pub fn y_range(mut self, low: f64, high: f64) -> Self {
        self.y_range = Some((low, high));
        self
    }

    /// Writes each value into its cell, where cells are large enough.
    pub fn values(mut self) -> Self {
        self.values = true;
        self
    }

    /// The values at the ends of the scale.
    fn ends(&self) -> (f64, f64) {
        let finite = self.data.iter().copied().filter(|v| v.is_finite());
        let (lo, hi) = self
            .range
            .unwrap_or_else(|| finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v))));
        // The axis of the colour bar knows how to widen what has no extent.
        let axis = match self.scale {
            Scale::Sequential => Axis::new(lo, hi, Kind::default(), 5),
            Scale::Diverging => {
                let size = if lo.is_finite() && hi.is_finite() { lo.abs().max(hi.abs()) } else { 1.0 };
                Axis::new(-size, size, Kind::default(), 5)
            }
        };
        axis.ends()
    }

    /// The map as a figure, to be laid out with others.
    pub fn to_figure(&self) -> Figure {
        self.draw()
            .unwrap_or_else(|error| Figure::apology(&format!("the heat map \"{}\"", self.title), &error.to_string()))
    }

    fn draw(&self) -> Result<Figure, image::ImageError> {
        let (width, height) = self.size;
        let title = text::wrap(&self.title, TITLE, width);
        let head = text::height(title.len(), TITLE) + 6.0;
        let top = head + 2.0;
        let missing = self.data.iter().filter(|v| !v.is_finite()).count();
        let note = if missing > 0 {
            format!("{missing} of {} values are not finite: magenta", self.data.len())
        } else {
            String::new()
        };
        let notes = text::wrap(&note, SIZE, width);
        let bottom = text::height(notes.len(), SIZE);
        let x_lines = text::wrap(&self.x_label, SIZE, width - 60.0).len();
        let inner_height = (height - top - SIZE * LEADING - 8.0 - text::height(x_lines, SIZE) - bottom).max(60.0);

        let (lo, hi) = self.ends();
        let bar = Axis::new(lo, hi, Kind::default(), (inner_height / 42.0) as usize);
        let widest = |axis: &Axis| axis.ticks.iter().map(|tick| text::width(&tick.1, SIZE)).fold(0.0, f64::max);
        let lines = |label: &str| text::height(text::wrap(label, SIZE, inner_height).len(), SIZE);
        let y = self.axis(self.rows, self.y_range, true, (inner_height / 30.0) as usize);
        let left = (lines(&self.y_label) + 10.0 + widest(&y)).ceil();
        let right = (BAR * 2.0 + 6.0 + widest(&bar) + 6.0 + lines(&self.value_label)).ceil();
        let inner_width = (width - left - right).max(60.0);
        let x = self.axis(
            self.columns,
            self.x_range,
            false,
            (inner_width / if self.x_range.is_some() { 56.0 } else { 30.0 }) as usize,
        );
        let frame = Frame { left, top, width: inner_width, height: inner_height, x, y };

        let mut all = Figure { width, height, head, ..Figure::empty() };
        all.body = text::lines(0.0, 0.0, TITLE, " font-weight=\"600\"", &title);
        let color = |value: f64| self.scale.at((value - lo) / (hi - lo));
        let flip = self.y_range.is_some() || self.x_range.is_some();
        let row = |r: usize| if flip { self.rows - 1 - r } else { r };
        let pixels: Vec<Rgb> = (0..self.rows)
            .flat_map(|r| &self.data[row(r) * self.columns..][..self.columns])
            .map(|v| color(*v))
            .collect();
        let picture = Figure::picture(&png(self.columns, self.rows, pixels)?, inner_width, inner_height);
        all.add(left, top, &picture);
        if self.values {
            all.body += &self.numbers(&frame, row, color);
        }
        all.body += &frame.axes(&self.x_label, &self.y_label);

        let bar_left = left + inner_width + BAR;
        let steps = (0..256).rev().map(|i| self.scale.at(f64::from(i) / 255.0)).collect();
        all.add(bar_left, top, &Figure::picture(&png(1, 256, steps)?, BAR, inner_height));
        for (value, label) in &bar.ticks {
            let y = top + (1.0 - bar.place(*value).unwrap_or(0.0)) * inner_height + 0.35 * SIZE;
            all.body += &text::text(bar_left + BAR + 6.0, y, Anchor::Start, SIZE, "", label);
        }
        for (i, line) in text::wrap(&self.value_label, SIZE, inner_height).iter().enumerate() {
            let (x, y) =
                (bar_left + BAR + 12.0 + widest(&bar) + SIZE * (0.9 + LEADING * i as f64), top + inner_height / 2.0);
            let turn = format!(" transform=\"rotate(-90 {} {})\"", number(x), number(y));
            all.body += &text::text(x, y, Anchor::Middle, SIZE, &turn, line);
        }
        all.body += &text::lines(0.0, height - bottom, SIZE, &format!(" fill=\"{FAINT}\""), &notes);
        all.alt = format!("{}: {} over {} and {}", self.title, self.value_label, self.x_label, self.y_label);
        Ok(all)
    }

    /// The axis of `n` cells: their numbers, or the range given with half a cell beyond the outermost centres.
    fn axis(&self, n: usize, range: Option<(f64, f64)>, vertical: bool, count: usize) -> Axis {
        if let Some((lo, hi)) = range {
            let half = (hi - lo) / (2.0 * (n.max(2) - 1) as f64);
            return Axis::new(lo - half, hi + half, Kind::default(), count);
        }
        let last = n as f64 - 1.0;
        let from_top = vertical && self.x_range.is_none() && self.y_range.is_none();
        let whole = Axis::new(-0.5, last + 0.5, Kind { whole: true, ..Kind::default() }, count);
        let place = |v: f64| if from_top { last - v } else { v };
        let ticks = whole.ticks.into_iter().map(|(v, label)| (place(v), label)).collect();
        Axis::with_ticks(-0.5, last + 0.5, ticks)
    }

    /// The values, each in its cell; nothing where they do not fit.
    fn numbers(&self, frame: &Frame, row: impl Fn(usize) -> usize, color: impl Fn(f64) -> Rgb) -> String {
        let (width, height) = (frame.width / self.columns as f64, frame.height / self.rows as f64);
        let widest = self.data.iter().map(|v| text::width(&short(*v), SIZE)).fold(0.0, f64::max);
        if width < widest + 2.0 || height < SIZE + 2.0 {
            return String::new();
        }
        let mut out = String::new();
        for r in 0..self.rows {
            for (c, value) in self.data[row(r) * self.columns..][..self.columns].iter().enumerate() {
                let (x, y) = (frame.left + (c as f64 + 0.5) * width, frame.top + (r as f64 + 0.5) * height);
                let ink = format!(" fill=\"{}\"", ink_on(color(*value)));
                out += &text::text(x, y + 0.35 * SIZE, Anchor::Middle, SIZE, &ink, &short(*value));
            }
        }
        out
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

/// A PNG of `pixels`, row by row.
fn png(width: usize, height: usize, pixels: Vec<Rgb>) -> Result<Vec<u8>, image::ImageError> {
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(
        &pixels.into_flattened(),
        width as u32,
        height as u32,
        ExtendedColorType::Rgb8,
    )?;
    Ok(png)
}
