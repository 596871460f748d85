//! Any chart of [plotters](https://docs.rs/plotters) as a figure: surfaces, box plots and the rest of its gallery, with this
//! course's font, grid and colours.

use plotters::{
    chart::{ChartContext, MeshStyle},
    coord::{
        Shift,
        cartesian::Cartesian2d,
        ranged1d::{Ranged, ValueFormatter},
    },
    prelude::{DrawingArea, DrawingBackend, IntoDrawingArea, RGBColor, SVGBackend, TRANSPARENT, TextStyle},
    style::Color,
};

use super::{
    Figure,
    colors::{AXIS, GRID, INK, Rgb, category},
    text,
};
use crate::{Error, Result};

/// plotters' SVG back end divides the sizes of fonts by this number.
const FONT_UNIT: f64 = 1.24;

impl Figure {
    /// A chart that `draw` makes with plotters, of (width, height) CSS pixels, each between 100 and 4000. `alt` says what it
    /// shows to readers who cannot see it.
    ///
    /// [`mesh`], [`font`] and [`color`] give it the look of this module's own figures, and it stands in a
    /// [`row`](Self::row) with them. plotters draws on whole pixels, and it moves points outside a chart's range onto its edge:
    /// filter them before, or use a [`Plot`](super::Plot), which cuts lines where they leave.
    ///
    /// ```
    /// use vae_core::prelude::*;
    ///
    /// fn density(z: f64) -> f64 {
    ///     (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
    /// }
    ///
    /// let alt = "The density of the standard normal in two dimensions: a round hill";
    /// let hill = Figure::plotters(alt, (480, 340), |area| {
    ///     use vae_core::plotters::prelude::*;
    ///     let mut chart = ChartBuilder::on(area).margin(8).build_cartesian_3d(-3.0..3.0, 0.0..0.16, -3.0..3.0)?;
    ///     chart.configure_axes().label_style(viz::font(12.0)).x_labels(4).y_labels(4).z_labels(4).draw()?;
    ///     let grid = || (-15..=15).map(|i| i as f64 / 5.0);
    ///     let surface = SurfaceSeries::xoz(grid(), grid(), |x: f64, y: f64| density(x) * density(y));
    ///     chart.draw_series(surface.style_func(&|height| ViridisRGB::get_color(height / 0.16).filled()))?;
    ///     Ok(())
    /// })?;
    /// assert!(hill.to_svg().contains("a round hill\""));
    /// # Ok::<(), vae_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What `draw` returns: an [`Error`] as it is, any other as [`Error::Argument`] with its message.
    pub fn plotters(
        alt: impl Into<String>,
        (width, height): (u32, u32),
        draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> std::result::Result<(), Box<dyn std::error::Error>>,
    ) -> Result<Self> {
        let (width, height) = (width.clamp(100, 4000), height.clamp(100, 4000));
        let alt = alt.into();
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
            draw(&area).and_then(|()| Ok(area.present()?)).map_err(|error| match error.downcast::<Error>() {
                Ok(own) => *own,
                Err(other) => Error::argument(format!("the chart \"{alt}\" could not be drawn: {other}")),
            })?;
        }
        // plotters escapes markup, but not what XML cannot hold at all.
        let body = svg.replace(|c| c != '\n' && text::forbidden(c), "\u{fffd}");
        Ok(Self { width: f64::from(width), height: f64::from(height), body, alt, ..Self::empty() })
    }
}

/// The grid, axes and labels of a chart of plotters in this module's style; `.draw()?` draws them. All that [`MeshStyle`] can
/// change can be changed before: a label formatter, for example, where ticks need more than five decimals.
///
/// ```
/// use vae_core::prelude::*;
///
/// let figure = Figure::plotters("Losses of two learning rates as box plots", (360, 300), |area| {
///     use vae_core::plotters::prelude::*;
///     let rates = ["1e-3", "3e-3"];
///     let mut chart = ChartBuilder::on(area)
///         .caption("Four seeds each", viz::font(14.0))
///         .margin(8)
///         .set_left_and_bottom_label_area_size(45)
///         .build_cartesian_2d(rates.into_segmented(), 94f32..102f32)?;
///     viz::mesh(&mut chart).disable_x_mesh().x_desc("learning rate").y_desc("loss / nats per image").draw()?;
///     for (i, (rate, losses)) in rates.iter().zip([[98.1, 99.0, 101.2, 97.5], [95.0, 95.9, 94.2, 96.1]]).enumerate() {
///         let boxes = Boxplot::new_vertical(SegmentValue::CenterOf(rate), &Quartiles::new(&losses));
///         chart.draw_series([boxes.width(40).style(viz::color(i))])?;
///     }
///     Ok(())
/// })?;
/// assert!(figure.to_svg().contains("learning rate"));
/// # Ok::<(), vae_core::Error>(())
/// ```
pub fn mesh<'a, 'b, X, Y, B>(chart: &'b mut ChartContext<'a, B, Cartesian2d<X, Y>>) -> MeshStyle<'a, 'b, X, Y, B>
where
    X: Ranged + ValueFormatter<X::ValueType>,
    Y: Ranged + ValueFormatter<Y::ValueType>,
    B: DrawingBackend,
{
    let mut mesh = chart.configure_mesh();
    mesh.bold_line_style(rgb(GRID))
        .light_line_style(TRANSPARENT)
        .axis_style(rgb(AXIS))
        .label_style(font(text::SIZE))
        .set_all_tick_mark_size(3)
        .x_label_formatter(&label::<X>)
        .y_label_formatter(&label::<Y>);
    mesh
}

/// Colour `index` of this module's ten, for lines, bars and dots; after ten they repeat.
pub fn color(index: usize) -> RGBColor {
    rgb(category(index))
}

/// This module's font and ink in `size` CSS pixels, for captions, legends and the axes of a surface; labels have 12.
pub fn font(size: f64) -> TextStyle<'static> {
    // The family of the figure that holds the chart.
    TextStyle { color: rgb(INK).to_backend_color(), ..TextStyle::from(("inherit", size * FONT_UNIT)) }
}

/// A value as plotters writes it, with a true minus sign and without the quotation marks of a name.
fn label<X: Ranged + ValueFormatter<X::ValueType>>(value: &X::ValueType) -> String {
    let text = X::format(value);
    match text.strip_prefix('-') {
        Some(size) => format!("−{size}"),
        None => text.trim_matches('"').into(),
    }
}

fn rgb([r, g, b]: Rgb) -> RGBColor {
    RGBColor(r, g, b)
}
