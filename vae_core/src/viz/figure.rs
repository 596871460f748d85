//! Figures: drawings with a size, side by side and one above the other, as one output.

use std::fmt;
use std::path::Path;

use super::{
    ImageGrid,
    colors::{INK, hex},
    output,
    text::{self, Anchor, FONT, HEADING, SIZE, TITLE, number},
};
use crate::{Error, Result, io::files::write_atomically};

/// Space between neighbours in a row or column, in CSS pixels.
const GAP: f64 = 20.0;
/// Space between a figure and the edge of its card.
const PADDING: f64 = 16.0;
/// How much wider a title is than its letters would be if they were not bold.
const BOLDER: f64 = 1.1;

/// A drawing with a size, made of one panel or of several in rows and columns; one output of a notebook cell.
///
/// Everything in this module becomes a figure with `.into()`. It lies on a white card with dark text, so it reads on
/// light and dark themes alike, and it is shown as an SVG image inside HTML: notebook viewers show that even where a
/// bare SVG output is withheld, as JupyterLab does in a notebook that was not run on the reader's machine.
///
/// ```
/// use vae_core::viz::{Figure, Plot};
///
/// let elbo = Plot::new("ELBO", "epoch", "nats per image").line("train", [(1, -180.), (2, -140.), (3, -128.)]);
/// let kl = Plot::new("KL", "epoch", "nats per image").line("train", [(1, 12.), (2, 19.), (3, 22.)]);
/// let figure = Figure::row([elbo.into(), kl.into()]);
/// assert!(figure.to_svg().starts_with("<svg xmlns="));
/// ```
#[derive(Clone)]
pub struct Figure {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The height of its title; pictures with titles of different heights stand side by side on one line.
    pub(super) head: f64,
    /// SVG elements, drawn from (0, 0) to (width, height).
    pub(super) body: String,
    /// What the figure shows, for readers who cannot see it.
    pub(super) alt: String,
}

/// A line instead of the whole drawing.
impl fmt::Debug for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Figure of {:.0}×{:.0} pixels {}", self.width, self.height, output::NOT_DRAWN)
    }
}

impl Figure {
    /// Panels side by side; what is under their titles starts at one height.
    pub fn row(panels: impl IntoIterator<Item = Figure>) -> Self {
        let panels: Vec<_> = panels.into_iter().collect();
        let mut all = Self::empty();
        all.head = panels.iter().map(|panel| panel.head).fold(0.0, f64::max);
        for panel in &panels {
            let x = if all.width > 0.0 { all.width + GAP } else { 0.0 };
            let y = all.head - panel.head;
            all.width = x + panel.width;
            all.height = all.height.max(y + panel.height);
            all.add(x, y, panel);
        }
        all
    }

    /// Panels one above the other, their left edges aligned.
    pub fn column(panels: impl IntoIterator<Item = Figure>) -> Self {
        let mut all = Self::empty();
        for panel in panels {
            let y = if all.height > 0.0 { all.height + GAP } else { 0.0 };
            all.width = all.width.max(panel.width);
            all.height = y + panel.height;
            all.add(0.0, y, &panel);
        }
        all
    }

    pub(super) fn empty() -> Self {
        Self { width: 0.0, height: 0.0, head: 0.0, body: String::new(), alt: String::new() }
    }

    /// Draws `panel` with its upper left corner at (x, y).
    pub(super) fn add(&mut self, x: f64, y: f64, panel: &Figure) {
        if !self.alt.is_empty() && !panel.alt.is_empty() {
            self.alt.push_str("; ");
        }
        self.alt.push_str(&panel.alt);
        let (x, y) = (number(x), number(y));
        self.body += &format!("<g transform=\"translate({x} {y})\">\n{}</g>\n", panel.body);
    }

    /// The figure under a title.
    pub fn title(self, title: impl AsRef<str>) -> Self {
        // A title may be wider than a narrow panel, but not by much: it breaks into lines.
        let size = if self.body.contains("<text") { HEADING } else { TITLE };
        let lines = text::wrap(title.as_ref(), BOLDER * size, self.width.max(160.0));
        let above = text::height(lines.len(), size) + 6.0;
        let widest = lines.iter().map(|line| text::width(line, BOLDER * size)).fold(0.0, f64::max);
        let mut all = Self::empty();
        all.alt = title.as_ref().into();
        all.head = above;
        all.width = self.width.max(widest);
        all.height = above + self.height;
        all.body = text::lines(0.0, 0.0, size, " font-weight=\"600\"", &lines);
        all.add(0.0, above, &self);
        all
    }

    /// What the figure shows, for readers who cannot see it: a sentence that states the finding, in place of one made of titles and labels.
    ///
    /// ```
    /// use vae_core::viz::Plot;
    ///
    /// let plot = Plot::new("Training", "epoch", "ELBO").line("train", [(1, -180.), (2, -140.), (3, -128.)]);
    /// let figure = plot.alt("The ELBO rises steeply at first and then ever more slowly, to −128 nats.");
    /// assert!(figure.to_html().starts_with("<img alt=\"The ELBO rises steeply"));
    /// ```
    #[must_use]
    pub fn alt(mut self, finding: impl Into<String>) -> Self {
        self.alt = finding.into();
        self
    }

    /// The figure as an SVG document.
    pub fn to_svg(&self) -> String {
        let (width, height) =
            (number((self.width + 2.0 * PADDING).ceil()), number((self.height + 2.0 * PADDING).ceil()));
        let alt = text::escape(&self.alt);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FONT}\" fill=\"{}\" role=\"img\" aria-label=\"{alt}\">\n\
             <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n\
             <g transform=\"translate({PADDING} {PADDING})\">\n{}</g>\n</svg>\n",
            hex(INK),
            self.body
        )
    }

    /// The figure as an HTML element: an image that holds the SVG.
    pub fn to_html(&self) -> String {
        format!(
            "<img alt=\"{}\" style=\"max-width: 100%\" src=\"data:image/svg+xml;base64,{}\">",
            text::escape(&self.alt),
            output::base64(self.to_svg().as_bytes())
        )
    }

    /// Writes the figure to `path`, an `.svg`.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for another extension or a folder that does not exist, [`Error::Io`] when writing fails; a
    /// file that was there before then stays as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match output::extension(path).as_str() {
            "svg" => write_atomically(path, self.to_svg().as_bytes()),
            _ => Err(Error::file(path, "a figure is saved as SVG; give the name the ending .svg")),
        }
    }

    /// Shows the figure in the notebook cell that is running.
    pub fn evcxr_display(&self) {
        output::emit("text/html", &self.to_html());
    }

    /// A message in place of a figure that could not be drawn.
    pub(super) fn apology(what: &str, error: &str) -> Self {
        let message = format!("{what} could not be drawn: {error}");
        let lines = text::wrap(&message, SIZE, 400.0);
        let body = text::lines(0.0, 0.0, SIZE, "", &lines);
        Self { width: 420.0, height: text::height(lines.len(), SIZE), body, alt: message, ..Self::empty() }
    }

    /// A picture of `width` × `height` pixels that is never smoothed.
    pub(super) fn picture(png: &[u8], width: f64, height: f64) -> Self {
        let (w, h) = (number(width), number(height));
        let body = format!(
            "<image width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
             href=\"data:image/png;base64,{}\"/>\n",
            output::base64(png)
        );
        Self { width, height, body, ..Self::empty() }
    }

    /// `grid` with a line of text under each image.
    pub(super) fn labelled_grid(grid: &ImageGrid, labels: &[String]) -> Self {
        let pictures: Vec<_> = (0..grid.len()).map(|i| Figure::from(grid.single(i))).collect();
        let widest = labels.iter().take(pictures.len()).map(|label| text::width(label, SIZE)).fold(0.0, f64::max);
        let (image_width, image_height) = pictures.first().map_or((0.0, 0.0), |p| (p.width, p.height));
        // A long name widens the columns up to a point, then breaks into lines.
        let cell_width = image_width.max(widest.min(96.0));
        let wrapped: Vec<_> = labels.iter().map(|label| text::wrap(label, SIZE, cell_width)).collect();
        let lines = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        let cell_height = image_height + text::height(lines, SIZE) + 4.0;
        let mut all = Self::empty();
        for (i, picture) in pictures.iter().enumerate() {
            let x = (i % grid.columns) as f64 * (cell_width + 8.0);
            let y = (i / grid.columns) as f64 * (cell_height + 8.0);
            all.add(x + (cell_width - image_width) / 2.0, y, picture);
            for (k, line) in wrapped.get(i).into_iter().flatten().enumerate() {
                let baseline = y + image_height + 3.0 + SIZE * (0.95 + text::LEADING * k as f64);
                all.body += &text::text(x + cell_width / 2.0, baseline, Anchor::Middle, SIZE, "", line);
            }
            all.width = all.width.max(x + cell_width);
            all.height = all.height.max(y + cell_height);
        }
        all.alt = grid.content();
        all
    }
}

impl From<ImageGrid> for Figure {
    fn from(grid: ImageGrid) -> Self {
        let (width, height) = grid.size();
        match grid.to_png() {
            Ok(png) => Self { alt: grid.content(), ..Self::picture(&png, width as f64, height as f64) },
            Err(error) => Self::apology("an image grid", &error.to_string()),
        }
    }
}
