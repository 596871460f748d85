//! Pieces of clothing: silhouettes cut anew each time, of fabrics with folds and patterns. Shoes are next door.
//!
//! Coordinates are pixels; clothes hang symmetrically about x = 14, as in Fashion-MNIST.

use rand::{Rng, RngCore};

use super::cloth::{Canvas, Fabric};
use super::normal;
use super::pen::{Point, spline};
use super::shoes::{boot, sandal, sneaker};

const MIDDLE: f32 = 14.0;

/// Draws a garment of class `label` (0 to 9, in the order of Fashion-MNIST) into `pixels`.
pub(super) fn draw(label: u8, rng: &mut dyn RngCore, pixels: &mut [u8]) {
    let mut canvas = Canvas::new();
    match label {
        0 => tshirt(&mut canvas, rng),
        1 => trouser(&mut canvas, rng),
        2 => pullover(&mut canvas, rng),
        3 => dress(&mut canvas, rng),
        4 => coat(&mut canvas, rng),
        5 => sandal(&mut canvas, rng),
        6 => shirt(&mut canvas, rng),
        7 => sneaker(&mut canvas, rng),
        8 => bag(&mut canvas, rng),
        _ => boot(&mut canvas, rng),
    }
    for (pixel, grey) in pixels.iter_mut().zip(canvas.0) {
        *pixel = (255.0 * grey) as u8;
    }
}

/// The whole outline from its right half, given from the top down as distances from the middle.
fn mirror(half: &[Point]) -> Vec<Point> {
    let right = half.iter().map(|&(x, y)| (MIDDLE + x, y));
    let left = half.iter().rev().map(|&(x, y)| (MIDDLE - x, y));
    right.chain(left).collect()
}

/// The cut of something worn on the upper body; lengths in pixels, widths measured from the middle.
struct Cut {
    top: f32,
    neck: Point,
    shoulder: Point,
    armpit: Point,
    /// Where the sleeve ends, outside and inside; `None` without sleeves.
    sleeve: Option<(Point, Point)>,
    waist: Point,
    hem: Point,
}

impl Cut {
    fn new(top: f32, hem: f32, width: f32, rng: &mut dyn RngCore) -> Self {
        let shoulder = (width + normal(rng, 0.8, 0.4), top + normal(rng, 2.2, 0.5));
        let armpit = (width + normal(rng, -0.4, 0.3), top + normal(rng, 8.5, 0.8));
        Self {
            top,
            neck: (normal(rng, 3.2, 0.6), normal(rng, 1.8, 0.8).max(0.3)),
            shoulder,
            armpit,
            sleeve: None,
            waist: (width + normal(rng, -0.6, 0.5), (armpit.1 + hem) / 2.0),
            hem: (width + normal(rng, 0.0, 0.5), hem),
        }
    }

    /// Sleeves of `length` pixels, hanging outwards by `spread` (0 straight down, 1 straight out).
    fn sleeves(mut self, length: f32, spread: f32, width: f32) -> Self {
        let norm = spread.hypot(1.0);
        let (out, down) = (spread / norm, 1.0 / norm);
        let outer = ((self.shoulder.0 + out * length).min(13.8), (self.shoulder.1 + down * length).min(27.5));
        // Across the sleeve, towards the body.
        let inner = ((outer.0 - width * down).max(self.armpit.0 + 0.25), outer.1 + width * out * 0.8);
        self.sleeve = Some((outer, inner));
        self
    }

    fn sew(&self, canvas: &mut Canvas, fabric: &Fabric) {
        let mut half = vec![(0.0, self.top + self.neck.1), (self.neck.0 * 0.7, self.top + self.neck.1 * 0.7)];
        half.extend([(self.neck.0, self.top), self.shoulder]);
        if let Some((outer, inner)) = self.sleeve {
            let elbow = ((self.shoulder.0 + outer.0) / 2.0 + 0.5, (self.shoulder.1 + outer.1) / 2.0);
            half.extend([elbow, outer, inner]);
        }
        half.extend([self.armpit, self.waist, self.hem, (0.0, self.hem.1 + 0.2)]);
        canvas.fill(&mirror(&half), fabric);
        // The inside of the back shows in the neck hole, darker.
        let neck = [(0.0, self.top + 0.4), (self.neck.0 * 0.8, self.top + 0.2), (0.0, self.top + self.neck.1)];
        canvas.fill(&mirror(&neck), &fabric.toned(fabric.tone * 0.6));
    }
}

/// A vertical line down the middle: a row of buttons, a zip, the edge of an open front.
fn placket(canvas: &mut Canvas, from: f32, to: f32, width: f32, fabric: &Fabric, rng: &mut dyn RngCore) {
    let x = MIDDLE + normal(rng, 0.0, 0.4);
    canvas.band(&[(x, from), (x + normal(rng, 0.0, 0.3), to)], width, fabric);
}

/// Two flaps beside the neck.
fn collar(canvas: &mut Canvas, cut: &Cut, size: f32, fabric: &Fabric) {
    for side in [-1.0, 1.0] {
        let at = |x: f32, y: f32| (MIDDLE + side * x, cut.top + y);
        let flap = [
            at(cut.neck.0, 0.0),
            at(0.3, cut.neck.1 + size * 0.6),
            at(1.8, cut.neck.1 + size),
            at(cut.neck.0 + 0.8, 0.9),
        ];
        canvas.fill(&flap, fabric);
    }
}

fn tshirt(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.45, rng);
    let (top, width) = (normal(rng, 1.2, 0.6), normal(rng, 6.8, 0.8));
    let cut = Cut::new(top, normal(rng, 26.3, 0.8), width, rng);
    let sleeveless = rng.random::<f32>() < 0.1;
    let (length, spread) = (normal(rng, 6.2, 1.3), normal(rng, 0.8, 0.2).max(0.3));
    let cut = if sleeveless { cut } else { cut.sleeves(length, spread, normal(rng, 4.2, 0.5)) };
    cut.sew(canvas, &fabric);
}

fn pullover(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.35, rng);
    let (top, width) = (normal(rng, 1.5, 0.7), normal(rng, 7.4, 0.6));
    let cut = Cut::new(top, normal(rng, 25.8, 1.0), width, rng);
    let (length, spread) = (normal(rng, 22.0, 1.4), normal(rng, 0.2, 0.06));
    let cut = cut.sleeves(length, spread, normal(rng, 3.2, 0.4));
    cut.sew(canvas, &fabric);
    // Ribbed hem and neck.
    let rib = fabric.toned(fabric.tone * normal(rng, 0.85, 0.1));
    canvas.band(&[(MIDDLE - cut.hem.0, cut.hem.1 - 0.5), (MIDDLE + cut.hem.0, cut.hem.1 - 0.5)], 1.2, &rib);
    if rng.random::<f32>() < 0.3 {
        collar(canvas, &cut, 1.0, &rib);
    }
}

fn coat(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.2, rng);
    let (top, width) = (normal(rng, 0.9, 0.5), normal(rng, 7.7, 0.6));
    let cut = Cut::new(top, normal(rng, 27.0, 0.6), width, rng);
    let (length, spread) = (normal(rng, 22.5, 1.2), normal(rng, 0.18, 0.06));
    let cut = cut.sleeves(length, spread, normal(rng, 3.5, 0.4));
    cut.sew(canvas, &fabric);
    let dark = fabric.toned(fabric.tone * normal(rng, 0.45, 0.15));
    placket(canvas, cut.top + 1.0, 27.5, normal(rng, 0.9, 0.3).max(0.4), &dark, rng);
    collar(canvas, &cut, normal(rng, 3.5, 1.0), &fabric.toned(fabric.tone * normal(rng, 0.8, 0.12)));
    if rng.random::<f32>() < 0.5 {
        let y = normal(rng, 19.0, 1.0);
        for side in [-1.0, 1.0] {
            canvas.band(&[(MIDDLE + side * 3.0, y), (MIDDLE + side * 6.0, y - 0.6)], 0.7, &dark);
        }
    }
}

fn shirt(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.5, rng);
    let (top, width) = (normal(rng, 1.0, 0.5), normal(rng, 6.7, 0.7));
    let cut = Cut::new(top, normal(rng, 26.6, 0.8), width, rng);
    let cut = if rng.random::<f32>() < 0.4 {
        cut.sleeves(normal(rng, 7.0, 1.5), normal(rng, 0.6, 0.15), normal(rng, 4.0, 0.5))
    } else {
        cut.sleeves(normal(rng, 21.0, 2.0), normal(rng, 0.26, 0.07), normal(rng, 2.9, 0.4))
    };
    cut.sew(canvas, &fabric);
    let seam = fabric.toned(fabric.tone * normal(rng, 0.75, 0.1));
    if rng.random::<f32>() < 0.75 {
        placket(canvas, cut.top + cut.neck.1, cut.hem.1, normal(rng, 0.6, 0.15), &seam, rng);
    }
    if rng.random::<f32>() < 0.7 {
        collar(canvas, &cut, normal(rng, 1.6, 0.5), &fabric.toned(fabric.tone * normal(rng, 1.1, 0.12)));
    }
}

fn dress(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.4, rng);
    let width = normal(rng, 4.2, 0.6);
    let mut cut = Cut::new(normal(rng, 0.8, 0.4), 27.4, width, rng);
    cut.neck = (normal(rng, 2.2, 0.4), normal(rng, 2.0, 1.0).max(0.3));
    cut.waist = (normal(rng, 3.3, 0.5), normal(rng, 11.5, 1.2));
    cut.armpit.1 = cut.top + normal(rng, 6.0, 0.6);
    cut.hem.0 = cut.waist.0 + normal(rng, 2.2, 1.6).abs() + 0.3;
    let cut = match rng.random_range(0..10) {
        0..4 => cut,
        4..8 => cut.sleeves(normal(rng, 4.5, 1.0), normal(rng, 0.5, 0.15), 2.4),
        _ => cut.sleeves(normal(rng, 16.0, 2.0), normal(rng, 0.25, 0.05), 2.0),
    };
    cut.sew(canvas, &fabric);
    if rng.random::<f32>() < 0.4 {
        let belt = fabric.toned(fabric.tone * normal(rng, 0.7, 0.2));
        let (x, y) = cut.waist;
        canvas.band(&[(MIDDLE - x, y), (MIDDLE + x, y)], 1.0, &belt);
    }
}

fn trouser(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.15, rng);
    let (waist, hip) = (normal(rng, 4.2, 0.5), normal(rng, 5.2, 0.5));
    let (ankle, leg) = (normal(rng, 5.3, 0.8), normal(rng, 3.0, 0.5));
    let (crotch, end) = (normal(rng, 9.5, 0.9), normal(rng, 27.5, 0.4));
    let knee = ((hip + ankle) / 2.0 + normal(rng, 0.0, 0.2), 17.0);
    let half =
        [(0.0, 0.6), (waist, 0.5), (hip, 6.0), knee, (ankle, end), (ankle - leg, end), (0.25, crotch), (0.0, crotch)];
    canvas.fill(&mirror(&half), &fabric);
    canvas.band(&[(MIDDLE - waist, 1.2), (MIDDLE + waist, 1.2)], 1.3, &fabric.toned(fabric.tone * 0.8));
    canvas.band(&[(MIDDLE, 2.0), (MIDDLE, crotch)], 0.6, &fabric.toned(fabric.tone * 0.7));
}

fn bag(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.25, rng);
    let (low, high) = (normal(rng, 11.6, 1.0), normal(rng, 10.4, 1.8));
    let bottom = normal(rng, 25.0, 1.2);
    let top = bottom - normal(rng, 14.5, 2.4);
    let dark = fabric.toned(fabric.tone * normal(rng, 0.7, 0.15));
    if rng.random::<f32>() < 0.75 {
        let (reach, lift) = (high * normal(rng, 0.6, 0.12), (top - normal(rng, 1.5, 0.8)).min(normal(rng, 8.0, 2.0)));
        let handle = [
            (MIDDLE - reach, top + 1.0),
            (MIDDLE - reach * 0.8, top - lift * 0.6),
            (MIDDLE, top - lift),
            (MIDDLE + reach * 0.8, top - lift * 0.6),
            (MIDDLE + reach, top + 1.0),
        ];
        canvas.band(&spline(&handle), normal(rng, 1.3, 0.4).max(0.7), &dark);
    }
    let round = normal(rng, 1.0, 0.6).max(0.1);
    let half = [
        (0.0, top),
        (high - round, top),
        (high, top + round),
        (low, bottom - round),
        (low - round, bottom),
        (0.0, bottom + 0.3),
    ];
    canvas.fill(&mirror(&half), &fabric);
    if rng.random::<f32>() < 0.5 {
        let y = top + (bottom - top) * normal(rng, 0.45, 0.1);
        let flap = [(0.0, top), (high, top + 0.3), (high, y - 1.0), (0.0, y)];
        canvas.fill(&mirror(&flap), &fabric.toned(fabric.tone * normal(rng, 0.88, 0.06)));
        canvas.band(&[(MIDDLE - 1.2, y), (MIDDLE + 1.2, y)], 1.6, &fabric.toned(normal(rng, 0.7, 0.3)));
    } else {
        canvas.band(&[(MIDDLE - high, top + 1.6), (MIDDLE + high, top + 1.6)], 0.6, &dark);
    }
}
