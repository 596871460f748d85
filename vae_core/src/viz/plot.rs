//! Curves, points, bands and histograms over labelled axes.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use candle_core::{DType, Tensor};

use super::{
    Figure,
    colors::{AXIS, CATEGORIES, Rgb, category},
    points::{Number, Point, Triple},
};
use crate::{Error, Result};

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mark {
    Line,
    /// A dashed grey line: what to compare with, such as guessing.
    Guess,
    Points,
    /// Points of one class; classes from the eleventh on are squares.
    Class {
        square: bool,
    },
    /// Between the second and the third number at x.
    Band,
    /// The third number above and below the second.
    Errors,
    /// Values (the first number) counted in `bins`; `density` makes the area 1.
    Histogram {
        bins: usize,
        density: bool,
    },
    /// Across the whole plot at y (the second number).
    Horizontal,
    /// Across the whole plot at x (the first number).
    Vertical,
}

/// Numbers that are drawn alike, under one name.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) label: String,
    pub(super) mark: Mark,
    pub(super) data: Vec<[f64; 3]>,
    pub(super) color: Rgb,
}

/// Curves, points, bands, error bars and histograms over two labelled axes.
///
/// Series with the same label share a colour and a place in the legend, which stands above the data and never on it; an
/// empty label keeps a series out of the legend. What is not finite (or not positive, on a logarithmic axis) is left
/// out, a line breaks there, and a note below the plot counts it. What lies outside a range that was asked for is cut off: a
/// line leaves with its slope, a point is not drawn.
///
/// Points are anything that yields pairs of numbers: `&[(usize, f64)]`, `(1..).zip(&losses)`, arrays of tuples.
///
/// ```
/// use vae_core::viz::Plot;
///
/// let losses = [181.2, 140.9, f64::NAN, 122.4];
/// let plot = Plot::new("Training", "epoch", "loss / nats per image")
///     .line("train", (1..).zip(&losses))
///     .hline("entropy of the data", 80.0);
/// assert!(plot.to_figure().to_svg().contains("1 value that is not finite is left out"));
/// ```
#[derive(Clone)]
pub struct Plot {
    pub(super) title: String,
    pub(super) x_label: String,
    pub(super) y_label: String,
    pub(super) size: (f64, f64),
    pub(super) log_x: bool,
    pub(super) log_y: bool,
    pub(super) x_range: Option<(f64, f64)>,
    pub(super) y_range: Option<(f64, f64)>,
    pub(super) series: Vec<Series>,
    /// Labels among which the palette has been shared out.
    colored: Vec<String>,
}

/// A line instead of every point.
impl fmt::Debug for Plot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = self.series.iter().map(|series| series.label.as_str()).collect();
        write!(f, "Plot {:?} of {} {}", self.title, labels.join(", "), super::output::NOT_DRAWN)
    }
}

impl Plot {
    /// A plot without data. Axis labels name the quantity and its unit: "KL / nats per image", "epoch".
    pub fn new(title: impl Into<String>, x_label: impl Into<String>, y_label: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            x_label: x_label.into(),
            y_label: y_label.into(),
            size: (480.0, 340.0),
            log_x: false,
            log_y: false,
            x_range: None,
            y_range: None,
            series: Vec::new(),
            colored: Vec::new(),
        }
    }

    /// Width and height in CSS pixels, between 200 × 160 and 4000 × 4000; 480 × 340 without it.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (f64::from(width.clamp(200, 4000)), f64::from(height.clamp(160, 4000)));
        self
    }

    /// Makes the y axis logarithmic.
    pub fn log_y(mut self) -> Self {
        self.log_y = true;
        self
    }

    /// Makes the x axis logarithmic.
    pub fn log_x(mut self) -> Self {
        self.log_x = true;
        self
    }

    /// Shows x from `low` to `high` instead of the range of the data.
    pub fn x_range(mut self, low: f64, high: f64) -> Self {
        self.x_range = Some((low, high));
        self
    }

    /// Shows y from `low` to `high` instead of the range of the data.
    pub fn y_range(mut self, low: f64, high: f64) -> Self {
        self.y_range = Some((low, high));
        self
    }

    fn push(mut self, label: impl Into<String>, mark: Mark, data: Vec<[f64; 3]>) -> Self {
        let label = label.into();
        let color = if matches!(mark, Mark::Horizontal | Mark::Vertical) {
            [0x44; 3]
        } else if mark == Mark::Guess {
            AXIS
        } else {
            let known = self.colored.iter().position(|l| *l == label && !label.is_empty());
            category(known.unwrap_or_else(|| {
                self.colored.push(label.clone());
                self.colored.len() - 1
            }))
        };
        self.series.push(Series { label, mark, data, color });
        self
    }

    /// A line through `points` (x, y) in the order given.
    pub fn line(self, label: impl Into<String>, points: impl IntoIterator<Item = impl Point>) -> Self {
        self.push(label, Mark::Line, pairs(points))
    }

    /// The curve of `f` between two x, ends included: 201 points at equal distances; at equal ratios where [`log_x`](Self::log_x) was
    /// called before and both x are positive.
    ///
    /// ```
    /// use vae_core::viz::Plot;
    ///
    /// let plot = Plot::new("A parabola", "z", "f(z)").function("z²", -2.0..=2.0, |z| z * z);
    /// assert!(plot.to_figure().to_svg().contains(">z²</text>"));
    /// ```
    pub fn function(self, label: impl Into<String>, x: RangeInclusive<f64>, f: impl Fn(f64) -> f64) -> Self {
        const STEPS: u16 = 200;
        let (from, to) = x.into_inner();
        let ratios = self.log_x && from > 0.0 && to > 0.0;
        let at = |i: u16| {
            let t = f64::from(i) / f64::from(STEPS);
            if ratios { from.powf(1.0 - t) * to.powf(t) } else { from * (1.0 - t) + to * t }
        };
        self.line(label, (0..=STEPS).map(at).map(|x| (x, f(x))))
    }

    /// A dashed grey line through `points` (x, y): what guessing would give, or another thing to compare with. It takes no colour.
    pub fn guess(self, label: impl Into<String>, points: impl IntoIterator<Item = impl Point>) -> Self {
        self.push(label, Mark::Guess, pairs(points))
    }

    /// A dot at each of `points` (x, y).
    pub fn points(self, label: impl Into<String>, points: impl IntoIterator<Item = impl Point>) -> Self {
        self.push(label, Mark::Points, pairs(points))
    }

    /// A shaded band: (x, low, high), in ascending order of x.
    pub fn band(self, label: impl Into<String>, band: impl IntoIterator<Item = impl Triple>) -> Self {
        self.push(label, Mark::Band, band.into_iter().map(|t| t.triple()).collect())
    }

    /// A dot with a bar from y − error to y + error: (x, y, error).
    pub fn error_bars(self, label: impl Into<String>, points: impl IntoIterator<Item = impl Triple>) -> Self {
        self.push(label, Mark::Errors, points.into_iter().map(|t| t.triple()).collect())
    }

    /// How many of `values` lie in each of `bins` equal intervals. All histograms of a plot cover the same range.
    pub fn histogram(
        self,
        label: impl Into<String>,
        values: impl IntoIterator<Item = impl Number>,
        bins: usize,
    ) -> Self {
        let mark = Mark::Histogram { bins: bins.clamp(1, 1000), density: false };
        self.push(label, mark, singles(values))
    }

    /// A histogram of `values` in `bins` equal intervals, scaled to an area of 1, to be compared with a probability density.
    /// All histograms of a plot cover the same range.
    pub fn density(self, label: impl Into<String>, values: impl IntoIterator<Item = impl Number>, bins: usize) -> Self {
        let mark = Mark::Histogram { bins: bins.clamp(1, 1000), density: true };
        self.push(label, mark, singles(values))
    }

    /// A dashed line at `y` across the plot.
    pub fn hline(self, label: impl Into<String>, y: f64) -> Self {
        self.push(label, Mark::Horizontal, vec![[f64::NAN, y, y]])
    }

    /// A dashed line at `x` across the plot.
    pub fn vline(self, label: impl Into<String>, x: f64) -> Self {
        self.push(label, Mark::Vertical, vec![[x, f64::NAN, f64::NAN]])
    }

    /// A dot for each row of `xy`, coloured by its class: a map of a two-dimensional latent space. A class's name stands
    /// at the median of its dots, too, so that reading does not hang on colours.
    ///
    /// # Shapes
    ///
    /// `xy` is (N, 2), `labels` holds N class numbers below `class_names.len()`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] for another shape, [`Error::Argument`] for another number of labels or a label without a name.
    pub fn points_by_class(
        mut self,
        xy: &Tensor,
        labels: impl IntoIterator<Item = impl Number>,
        class_names: &[impl AsRef<str>],
    ) -> Result<Self> {
        let &[n, 2] = xy.dims() else {
            return Err(Error::Shape { what: "points of a map", expected: "(N, 2)".into(), got: xy.dims().to_vec() });
        };
        let points = xy.detach().to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let labels: Vec<f64> = labels.into_iter().map(|label| label.number()).collect();
        if labels.len() != n {
            return Err(Error::argument(format!("a map needs one label a point: {n} points, {} labels", labels.len())));
        }
        let mut classes = vec![Vec::new(); class_names.len()];
        for (point, label) in points.iter().zip(&labels) {
            let class = if label.fract() == 0.0 && *label >= 0.0 { classes.get_mut(*label as usize) } else { None };
            let Some(class) = class else {
                return Err(Error::argument(format!(
                    "label {label} has no name among {} class names",
                    class_names.len()
                )));
            };
            class.push([point[0], point[1], 0.0]);
        }
        for (i, (name, data)) in class_names.iter().zip(classes).enumerate() {
            let mark = Mark::Class { square: i / CATEGORIES.len() % 2 == 1 };
            let name = name.as_ref().to_owned();
            self.colored.push(name.clone());
            self.series.push(Series { label: name, mark, data, color: category(i) });
        }
        Ok(self)
    }

    /// The plot as a figure that says `finding` to readers who cannot see it; see [`Figure::alt`].
    pub fn alt(&self, finding: impl Into<String>) -> Figure {
        self.to_figure().alt(finding)
    }

    /// The plot as a figure, to be laid out with others.
    pub fn to_figure(&self) -> Figure {
        self.draw()
    }

    /// Writes the plot to `path`, an `.svg`.
    ///
    /// # Errors
    ///
    /// Those of [`Figure::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.to_figure().save(path)
    }

    /// Shows the plot in the notebook cell that is running.
    pub fn evcxr_display(&self) {
        self.to_figure().evcxr_display();
    }
}

impl From<Plot> for Figure {
    fn from(plot: Plot) -> Self {
        plot.to_figure()
    }
}

fn pairs(points: impl IntoIterator<Item = impl Point>) -> Vec<[f64; 3]> {
    points.into_iter().map(|p| p.point()).map(|[x, y]| [x, y, y]).collect()
}

fn singles(values: impl IntoIterator<Item = impl Number>) -> Vec<[f64; 3]> {
    values.into_iter().map(|v| [v.number(), 0.0, 0.0]).collect()
}
