//! Paths of lines, areas and dots, cut at the frame: what leaves the frame leaves it with its slope.
//!
//! Segments are cut a little beyond the frame (Liang & Barsky 1984), so that the ends and joins of strokes lie outside, and
//! areas likewise (Sutherland & Hodgman 1974); the frame hides the rest. Hiding alone would do for the eye, but places far
//! outside make files large and overflow the single precision in which viewers compute.

/// A place in pixels from the upper left corner of the frame.
pub(super) type Place = (f64, f64);

/// How far beyond the frame paths are cut, in pixels: more than half a stroke.
const BEYOND: f64 = 4.0;

/// The `d` of a `<path>` in a frame of `width` × `height` pixels, in steps of whole tenths of a pixel.
pub(super) struct Path {
    width: f64,
    height: f64,
    d: String,
    /// Where the pen is, in tenths of a pixel.
    pen: Option<(i64, i64)>,
}

impl Path {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, d: String::new(), pen: None }
    }

    /// A line through `points`.
    pub(super) fn line(mut self, points: impl IntoIterator<Item = Place>) -> Self {
        let mut points = points.into_iter();
        let mut from = points.next().unwrap_or_default();
        for to in points {
            if let Some((start, end)) = self.segment(from, to) {
                self.move_to(start);
                self.line_to(end);
            }
            from = to;
        }
        self
    }

    /// The area within `outline`.
    pub(super) fn area(mut self, outline: Vec<Place>) -> Self {
        if let [first, rest @ ..] = self.within(outline).as_slice() {
            self.move_to(*first);
            rest.iter().for_each(|place| self.line_to(*place));
            self.d.push('z');
        }
        self
    }

    /// Lines without length, of which a round or square end of the stroke makes dots; none outside the frame.
    pub(super) fn dots(mut self, places: impl IntoIterator<Item = Place>) -> Self {
        for place in places {
            if self.holds(place) && self.pen != Some(self.tenths(place)) {
                self.move_to(place);
                self.d += "h0";
            }
        }
        self
    }

    /// Whether a place is inside the frame or on its edge.
    pub(super) fn holds(&self, (x, y): Place) -> bool {
        (0.0..=self.width).contains(&x) && (0.0..=self.height).contains(&y)
    }

    /// The path as an element with these attributes; nothing where it is empty.
    pub(super) fn draw(&self, attributes: &str) -> String {
        if self.d.is_empty() { String::new() } else { format!("<path d=\"{}\" {attributes}/>\n", self.d) }
    }

    /// The part of a segment that is not outside.
    fn segment(&self, (x, y): Place, to: Place) -> Option<(Place, Place)> {
        let (dx, dy) = (to.0 - x, to.1 - y);
        let (mut start, mut end) = (0f64, 1f64);
        for (room, room_to) in self.room((x, y)).into_iter().zip(self.room(to)) {
            match (room < 0.0, room_to < 0.0) {
                (true, true) => return None,
                (true, false) => start = start.max(room / (room - room_to)),
                (false, true) => end = end.min(room / (room - room_to)),
                (false, false) => {}
            }
        }
        let at = |t: f64| (x + t * dx, y + t * dy);
        (start <= end).then(|| (at(start), at(end)))
    }

    /// The part of an area that is not outside: cut at one edge after the other.
    fn within(&self, mut outline: Vec<Place>) -> Vec<Place> {
        for edge in 0..4 {
            let mut from = outline.last().copied().unwrap_or_default();
            let mut kept = Vec::with_capacity(outline.len());
            for to in outline {
                let (room, room_to) = (self.room(from)[edge], self.room(to)[edge]);
                if (room < 0.0) != (room_to < 0.0) {
                    let t = room / (room - room_to);
                    kept.push((from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1)));
                }
                if room_to >= 0.0 {
                    kept.push(to);
                }
                from = to;
            }
            outline = kept;
        }
        outline
    }

    /// How far a place is from each edge, negative outside.
    fn room(&self, (x, y): Place) -> [f64; 4] {
        [x + BEYOND, self.width + BEYOND - x, y + BEYOND, self.height + BEYOND - y]
    }

    /// A place in tenths of a pixel. Rounding of immense numbers does not lead outside again.
    fn tenths(&self, (x, y): Place) -> (i64, i64) {
        let tenths = |v: f64, size: f64| (v.clamp(-BEYOND, size + BEYOND) * 10.0).round() as i64;
        (tenths(x, self.width), tenths(y, self.height))
    }

    fn move_to(&mut self, place: Place) {
        let to = self.tenths(place);
        match self.pen.replace(to) {
            Some(pen) if pen == to => {}
            Some(pen) => self.d += &format!("m{}", pair(to.0 - pen.0, to.1 - pen.1)),
            None => self.d += &format!("M{}", pair(to.0, to.1)),
        }
    }

    fn line_to(&mut self, place: Place) {
        let to = self.tenths(place);
        let pen = self.pen.replace(to).unwrap_or(to);
        self.d += &match (to.0 - pen.0, to.1 - pen.1) {
            (dx, 0) => format!("h{}", decimal(dx)),
            (0, dy) => format!("v{}", decimal(dy)),
            (dx, dy) => format!("l{}", pair(dx, dy)),
        };
    }
}

/// Two numbers of tenths; a minus sign parts them as well as a space.
fn pair(x: i64, y: i64) -> String {
    format!("{}{}{}", decimal(x), if y < 0 { "" } else { " " }, decimal(y))
}

/// `tenths` tenths, as short as SVG allows: 12.5, .5, -3.
fn decimal(tenths: i64) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    match (tenths.abs() / 10, tenths.abs() % 10) {
        (whole, 0) => format!("{sign}{whole}"),
        (0, tenth) => format!("{sign}.{tenth}"),
        (whole, tenth) => format!("{sign}{whole}.{tenth}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that leaves the frame and comes back: each part that is drawn lies on the line that was asked for.
    #[test]
    fn lines_keep_their_slope() {
        let path = Path::new(100.0, 100.0);
        for (from, to) in [((50.0, 50.0), (250.0, 450.0)), ((-300.0, 40.0), (900.0, 80.0)), ((7.0, 1e9), (8.0, -1e9))] {
            let (start, end) = path.segment(from, to).unwrap();
            let off = |p: Place| (p.0 - from.0) * (to.1 - from.1) - (p.1 - from.1) * (to.0 - from.0);
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            assert!((off(start) / length).abs() < 1e-6 && (off(end) / length).abs() < 1e-6, "{start:?} {end:?}");
            assert!(path.room(start).iter().chain(&path.room(end)).all(|room| *room > -1e-6), "{start:?} {end:?}");
        }
        assert_eq!(path.segment((-50.0, 50.0), (50.0, 200.0)), None, "past a corner");
        let zigzag = [(50.0, 50.0), (50.0, 204.0), (60.0, 204.0), (60.0, 50.0)];
        assert_eq!(path.line(zigzag).d, "M50 50v54m10 0v-54");
    }

    /// An area keeps the slopes of its sides, and what surrounds the frame fills it.
    #[test]
    fn areas_are_cut() {
        let path = || Path::new(100.0, 100.0);
        assert_eq!(path().area(vec![(-50.0, 50.0), (50.0, -50.0), (50.0, 50.0)]).d, "M-4 50v-46l8-8h46v54z");
        let around = vec![(-1e9, -1e9), (1e9, -1e9), (1e9, 1e9), (-1e9, 1e9)];
        assert_eq!(path().area(around).d, "M-4 104v-108h108v108z");
        assert_eq!(path().area(vec![(200.0, 0.0), (300.0, 0.0), (300.0, 50.0)]).d, "");
    }

    /// Dots outside the frame are not drawn, nor moved to its edge, and one place has one dot.
    #[test]
    fn dots_outside_are_left_out() {
        let places = [(10.0, 20.04), (-0.1, 50.0), (50.0, 100.1), (10.0, 20.0), (12.5, 3.0)];
        assert_eq!(Path::new(100.0, 100.0).dots(places).d, "M10 20h0m2.5-17h0");
    }
}
