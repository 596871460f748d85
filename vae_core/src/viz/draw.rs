//! From a [`Plot`] to its drawing: measure, lay out, draw.

use super::{
    Figure, Plot,
    axis::{Axis, Kind, drawable},
    colors::{AXIS, GRID, hex},
    legend::Legend,
    marks,
    plot::{Mark, Series},
    text::{self, Anchor, FAINT, LEADING, SIZE, TITLE, number},
};

/// The rectangle that data is drawn in, within its panel, and its axes.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
}

impl Plot {
    /// The plot as a figure of the size that was asked for.
    pub(super) fn draw(&self) -> Figure {
        let series = self.prepared();
        let (width, height) = self.size;
        let title = text::wrap(&self.title, TITLE, width);
        let legend = Legend::new(&series, width);
        let head = space(text::height(title.len(), TITLE), 6.0);
        let top = head + space(legend.height, 6.0) + 4.0;
        let notes = text::wrap(&self.notes(&series), SIZE, width);
        let bottom = text::height(notes.len(), SIZE);
        let frame = self.frame(&series, (width, height), top, bottom);

        let mut body = text::lines(0.0, 0.0, TITLE, " font-weight=\"600\"", &title);
        body += &legend.draw(head);
        body += &frame.axes(&self.x_label, &self.y_label);
        body += &frame.clipped(&marks::draw(&series, &frame));
        if series.iter().all(|s| s.data.is_empty()) {
            let (x, y) = (frame.left + frame.width / 2.0, frame.top + frame.height / 2.0);
            body += &text::text(x, y, Anchor::Middle, SIZE, &format!(" fill=\"{FAINT}\""), "nothing to draw");
        }
        body += &text::lines(0.0, height - bottom, SIZE, &format!(" fill=\"{FAINT}\""), &notes);
        let names = series.iter().map(|s| s.label.as_str()).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(", ");
        let alt = format!("{}: {} against {}. {names}", self.title, self.y_label, self.x_label);
        Figure { width, height, head, body, alt }
    }

    /// The series as they are drawn: histograms counted, what cannot be drawn replaced by NaN.
    fn prepared(&self) -> Vec<Series> {
        let histograms = || self.series.iter().filter(|s| matches!(s.mark, Mark::Histogram { .. }));
        let values = histograms().flat_map(|s| &s.data).map(|d| d[0]).filter(|v| drawable(*v, self.log_x));
        let (lo, hi) = self.x_range.unwrap_or_else(|| ends(values));
        self.series
            .iter()
            .map(|s| match s.mark {
                Mark::Histogram { bins, density } => {
                    Series { data: marks::count(s.data.iter().map(|d| d[0]), lo, hi, bins, density), ..s.clone() }
                }
                _ => {
                    let keep = |d: &&[f64; 3]| self.whole(s.mark, d);
                    let data: Vec<_> = if matches!(s.mark, Mark::Line | Mark::Guess) {
                        // A gap is kept as NaN, where the line breaks.
                        s.data.iter().map(|d| if keep(&d) { *d } else { [f64::NAN; 3] }).collect()
                    } else {
                        s.data.iter().filter(keep).copied().collect()
                    };
                    let empty = data.iter().all(|d| d[0].is_nan()) && s.mark != Mark::Horizontal;
                    Series { data: if empty { Vec::new() } else { data }, ..s.clone() }
                }
            })
            .collect()
    }

    /// Whether all that a mark needs can be drawn.
    fn whole(&self, mark: Mark, [x, y, z]: &[f64; 3]) -> bool {
        let (x, y, high) = (drawable(*x, self.log_x), drawable(*y, self.log_y), drawable(*z, self.log_y));
        match mark {
            Mark::Horizontal => y,
            Mark::Vertical | Mark::Histogram { .. } => x,
            // The lower end of an error bar may leave a logarithmic axis; its length has to be a number.
            Mark::Errors => x && y && drawable(*z, false),
            _ => x && y && high,
        }
    }

    /// What was left out, in words.
    fn notes(&self, drawn: &[Series]) -> String {
        let mut left_out = 0;
        for (s, drawn) in self.series.iter().zip(drawn) {
            left_out += s.data.iter().filter(|d| !self.whole(s.mark, d)).count();
            if let (Mark::Histogram { .. }, Some((lo, hi))) = (drawn.mark, self.x_range) {
                left_out += s.data.iter().filter(|d| d[0].is_finite() && !(lo..=hi).contains(&d[0])).count();
            }
        }
        let what = if self.log_x || self.log_y { "not finite and positive" } else { "not finite" };
        let what = match self.x_range {
            Some(_) if drawn.iter().any(|s| matches!(s.mark, Mark::Histogram { .. })) => {
                "not finite or not in the range"
            }
            _ => what,
        };
        match left_out {
            0 => String::new(),
            1 => format!("1 value that is {what} is left out"),
            n => format!("{} values that are {what} are left out", text::fixed(n as f64, 0)),
        }
    }

    /// The axes and the rectangle between them, with room for labels outside.
    fn frame(&self, series: &[Series], (width, height): (f64, f64), top: f64, bottom: f64) -> Frame {
        let x_lines = text::wrap(&self.x_label, SIZE, width - 60.0).len();
        let below = SIZE * LEADING + 6.0 + space(text::height(x_lines, SIZE), 2.0) + bottom;
        let plot_height = (height - top - below).max(60.0);
        let mut bars = false;
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for s in series {
            for &[x, y, z] in s.data.iter().filter(|d| !d[0].is_nan() || !d[1].is_nan()) {
                match s.mark {
                    Mark::Errors => ys.extend([y, y - z.abs(), y + z.abs()]),
                    Mark::Histogram { .. } => {
                        bars = true;
                        xs.push(y);
                        ys.extend([0.0, z]);
                        xs.push(x);
                        continue;
                    }
                    _ => ys.extend([y, z]),
                }
                xs.push(x);
            }
        }
        let kind = |log, whole, fixed: bool| Kind { log, whole, room: if fixed { 0.0 } else { 0.04 } };
        let (y_lo, y_hi) = self.y_range.unwrap_or_else(|| {
            let (lo, hi) = ends(ys.iter().copied().filter(|v| drawable(*v, self.log_y)));
            if bars && !self.log_y { (lo.min(0.0), hi * 1.06) } else { (lo, hi) }
        });
        let y_fixed = self.y_range.is_some() || (bars && !self.log_y);
        let y = Axis::new(y_lo, y_hi, kind(self.log_y, false, y_fixed), (plot_height / 42.0) as usize);
        let y_lines = text::wrap(&self.y_label, SIZE, plot_height).len();
        let ticks = y.ticks.iter().map(|tick| text::width(&tick.1, SIZE)).fold(0.0, f64::max);
        let left = (space(text::height(y_lines, SIZE), 4.0) + ticks + 6.0).ceil().min(width / 2.0);

        let drawable_xs = || xs.iter().copied().filter(|v| drawable(*v, self.log_x));
        let (x_lo, x_hi) = self.x_range.unwrap_or_else(|| ends(drawable_xs()));
        let whole = !bars && drawable_xs().all(|v| v.fract() == 0.0) && !self.log_x;
        // Fewer ticks until their labels stand apart.
        let mut count = ((width - left) / if whole { 28.0 } else { 56.0 }) as usize;
        loop {
            let x = Axis::new(x_lo, x_hi, kind(self.log_x, whole, self.x_range.is_some()), count);
            let place = |tick: &(f64, String)| x.place(tick.0).unwrap_or(0.0);
            let reach = |tick: &(f64, String)| text::width(&tick.1, SIZE) / 2.0;
            // The last label may reach beyond the frame; the frame leaves it that room.
            let over = |w: f64| x.ticks.last().map_or(0.0, |t| reach(t) - (1.0 - place(t)) * w).max(2.0);
            let plot_width = (width - left - over(width - left)).max(60.0);
            let apart = x.ticks.windows(2).all(|pair| {
                (place(&pair[1]) - place(&pair[0])) * plot_width >= reach(&pair[0]) + reach(&pair[1]) + 8.0
            });
            if apart || count <= 2 {
                return Frame { left, top, width: plot_width, height: plot_height, x, y };
            }
            count -= 1;
        }
    }
}

/// The least and the greatest value; (∞, −∞) where there is none.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)))
}

/// `height` and a gap after it, or nothing at all.
fn space(height: f64, gap: f64) -> f64 {
    if height > 0.0 { height + gap } else { 0.0 }
}

impl Frame {
    /// Grid, axis lines, tick labels and axis labels.
    fn axes(&self, x_label: &str, y_label: &str) -> String {
        let bottom = self.top + self.height;
        let [l, t, w, h, b] = [self.left, self.top, self.width, self.height, bottom].map(number);
        let (mut grid, mut out) = (String::new(), String::new());
        for (value, label) in &self.x.ticks {
            let x = self.left + self.x.place(*value).unwrap_or(0.0) * self.width;
            grid += &format!("M{} {t}v{h}", number(x));
            out += &text::text(x, bottom + SIZE + 5.0, Anchor::Middle, SIZE, "", label);
        }
        for (value, label) in &self.y.ticks {
            let y = bottom - self.y.place(*value).unwrap_or(0.0) * self.height;
            grid += &format!("M{l} {}h{w}", number(y));
            out += &text::text(self.left - 6.0, y + 0.35 * SIZE, Anchor::End, SIZE, "", label);
        }
        out += &format!("<path d=\"{grid}\" stroke=\"{}\"/>\n", hex(GRID));
        out += &format!("<path d=\"M{l} {t}V{b}h{w}\" fill=\"none\" stroke=\"{}\"/>\n", hex(AXIS));
        for (i, line) in text::wrap(x_label, SIZE, self.left + self.width).iter().enumerate() {
            let y = bottom + SIZE * LEADING + 6.0 + SIZE * (1.0 + LEADING * i as f64);
            out += &text::text(self.left + self.width / 2.0, y, Anchor::Middle, SIZE, "", line);
        }
        let middle = self.top + self.height / 2.0;
        for (i, line) in text::wrap(y_label, SIZE, self.height).iter().enumerate() {
            let x = SIZE * (0.9 + LEADING * i as f64);
            let turn = format!(" transform=\"rotate(-90 {} {})\"", number(x), number(middle));
            out += &text::text(x, middle, Anchor::Middle, SIZE, &turn, line);
        }
        out
    }

    /// `content`, drawn from (0, 0) to (width, height) and hidden outside: a picture in the picture, for a `clipPath` needs a
    /// name of its own among all panels of a page.
    fn clipped(&self, content: &str) -> String {
        let [x, y, w, h] = [self.left, self.top, self.width, self.height].map(number);
        format!("<svg x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" overflow=\"hidden\">\n{content}</svg>\n")
    }
}
