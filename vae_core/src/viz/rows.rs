//! Rows of images that belong together column by column: originals above their reconstructions.

use std::path::Path;

use super::{
    Figure, Heat, ImageGrid,
    text::{self, Anchor, SIZE},
};
use crate::{Result, formula::Formula};

/// Rows of images with a title each, aligned in columns: an original above its reconstruction, steps of an
/// interpolation, levels of noise.
///
/// ```
/// use vae_core::{candle::{Device, Tensor}, viz::Rows};
///
/// let x = Tensor::rand(0f32, 1., (10, 1, 28, 28), &Device::Cpu)?;
/// let y = x.affine(0.5, 0.25)?;
/// let rows = Rows::new().row("original", &x)?.row("reconstruction", &y)?;
/// assert!(rows.to_figure().to_svg().contains(">reconstruction</text>"));
/// # Ok::<(), vae_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rows {
    title: String,
    column_titles: Vec<String>,
    rows: Vec<(String, ImageGrid)>,
    scale: Option<usize>,
    heat: Option<Heat>,
}

impl Rows {
    /// No rows yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A title above all rows.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// One more row: `images` (N, C, H, W) as for [`ImageGrid::new`], with `title` on their left.
    ///
    /// # Errors
    ///
    /// Those of [`ImageGrid::new`].
    pub fn row(mut self, title: impl Into<String>, images: impl Into<Formula>) -> Result<Self> {
        let grid = ImageGrid::new(images)?;
        let columns = grid.len();
        self.rows.push((title.into(), grid.columns(columns)));
        Ok(self)
    }

    /// Short titles above the columns, in order.
    pub fn column_titles(mut self, titles: impl IntoIterator<Item = impl ToString>) -> Self {
        self.column_titles = titles.into_iter().map(|title| title.to_string()).collect();
        self
    }

    /// Draws the scale of the rows that have colours below all rows.
    pub(super) fn with_heat(mut self, heat: &Heat) -> Self {
        self.heat = Some(heat.clone());
        self
    }

    /// How many times each pixel is enlarged; without it, a factor that suits a notebook.
    pub fn scale(mut self, scale: usize) -> Self {
        self.scale = Some(scale.max(1));
        self
    }

    /// The rows as a figure that says `finding` to readers who cannot see it; see [`Figure::alt`].
    pub fn alt(&self, finding: impl Into<String>) -> Figure {
        self.to_figure().alt(finding)
    }

    /// The rows as a figure, to be laid out with others.
    pub fn to_figure(&self) -> Figure {
        // One factor for all rows, so that columns align.
        let scale = self.scale.or_else(|| self.rows.iter().map(|(_, grid)| grid.factor()).min()).unwrap_or(1);
        let titles: Vec<_> = self.rows.iter().map(|(title, _)| text::wrap(title, SIZE, 130.0)).collect();
        let left = titles.iter().flatten().map(|line| text::width(line, SIZE)).fold(0.0, f64::max).ceil();
        let left = if left > 0.0 { left + 8.0 } else { 0.0 };
        let mut all = Figure::empty();
        let mut y = 0.0;
        if let (false, Some((_, first))) = (self.column_titles.is_empty(), self.rows.first()) {
            let (cell, _) = first.clone().scale(scale).cell();
            for (i, title) in self.column_titles.iter().enumerate() {
                let x = left + (i as f64 + 0.5) * cell as f64 + 1.0;
                all.body += &text::text(x, SIZE, Anchor::Middle, SIZE, "", title);
            }
            y = text::height(1, SIZE) + 2.0;
        }
        for ((_, grid), lines) in self.rows.iter().zip(&titles) {
            let picture = Figure::from(grid.clone().scale(scale));
            let middle = y + picture.height / 2.0 - text::height(lines.len(), SIZE) / 2.0;
            for (k, line) in lines.iter().enumerate() {
                let baseline = middle + SIZE * (0.95 + text::LEADING * k as f64);
                all.body += &text::text(left - 8.0, baseline, Anchor::End, SIZE, "", line);
            }
            all.width = all.width.max(left + picture.width);
            all.height = y + picture.height.max(text::height(lines.len(), SIZE));
            all.add(left, y, &picture);
            y = all.height + 4.0;
        }
        if let Some(heat) = &self.heat {
            let (bar, height) = heat.bar(0.0, (all.width - left).min(360.0));
            all.add(left, y + 6.0, &Figure { body: bar, ..Figure::empty() });
            all.height = y + 6.0 + height;
        }
        all.alt =
            self.rows.iter().map(|(title, grid)| format!("{title}: {}", grid.content())).collect::<Vec<_>>().join("; ");
        if self.title.is_empty() { all } else { all.title(&self.title) }
    }

    /// Writes the rows to `path`, an `.svg`.
    ///
    /// # Errors
    ///
    /// Those of [`Figure::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.to_figure().save(path)
    }

    /// Shows the rows in the notebook cell that is running.
    pub fn evcxr_display(&self) {
        self.to_figure().evcxr_display();
    }
}

impl From<Rows> for Figure {
    fn from(rows: Rows) -> Self {
        rows.to_figure()
    }
}
