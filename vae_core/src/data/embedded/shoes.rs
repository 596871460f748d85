//! Shoes: sneakers, ankle boots and sandals, each on a sole that rises to its heel.
//!
//! Coordinates are pixels; shoes point to the left, as in Fashion-MNIST.

use rand::{Rng, RngCore};

use super::cloth::{Canvas, Fabric};
use super::normal;
use super::pen::{Point, spline};

/// The line on which a shoe stands: from the toe at the left to the heel at the right, the heel raised by `heel`.
fn sole(bottom: f32, heel: f32) -> [Point; 5] {
    [
        (0.8, bottom - 0.8),
        (5.0, bottom),
        (11.0, bottom - heel * 0.15),
        (19.0, bottom - heel * 0.75),
        (26.8, bottom - heel),
    ]
}

pub(super) fn sneaker(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.3, rng);
    let (bottom, height) = (normal(rng, 20.0, 0.7), normal(rng, 8.0, 1.0));
    let top = bottom - height;
    let tongue = normal(rng, 15.0, 1.0);
    let upper = [
        (0.8, bottom),
        (0.9, bottom - 2.6),
        (4.0, bottom - 3.9),
        (9.5, top + 2.4),
        (tongue, top),
        (tongue + 2.5, top + 0.5),
        (19.0, top + 1.7),
        (23.0, top + 0.8),
        (26.4, top - 0.2),
        (27.2, top + 2.0),
        (27.2, bottom),
    ];
    canvas.fill(&upper, &fabric);
    let other = fabric.toned(normal(rng, 0.75, 0.25));
    canvas.band(&[(0.5, bottom), (8.0, bottom + 0.4), (27.3, bottom)], normal(rng, 1.9, 0.4), &other);
    canvas.band(&[(0.8, bottom - 1.0), (27.2, bottom - 1.0)], 0.5, &fabric.toned(fabric.tone * 0.45));
    let lace = fabric.toned(if fabric.tone > 0.5 { fabric.tone * 0.55 } else { fabric.tone * 1.8 });
    for i in 0..3 {
        let (x, y) = (9.0 + 2.2 * i as f32, bottom - height * (0.62 + 0.1 * i as f32));
        canvas.band(&[(x, y), (x + 1.6, y + 1.8)], 0.7, &lace);
    }
    if rng.random::<f32>() < 0.6 {
        let x = normal(rng, 17.0, 2.0);
        let swoosh = [(x, bottom - 3.0), (x + 3.0, bottom - 2.2), (x + 7.0, bottom - 5.0)];
        canvas.band(&swoosh, 1.1, &fabric.toned(normal(rng, 0.55, 0.4)));
    }
}

pub(super) fn boot(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.15, rng);
    let heel = if rng.random::<f32>() < 0.45 { normal(rng, 4.5, 1.4).max(1.5) } else { 0.8 };
    let (bottom, top) = (normal(rng, 25.6, 0.7), normal(rng, 4.0, 2.0).max(1.0));
    let (front, back) = (normal(rng, 15.0, 1.2), normal(rng, 25.8, 0.6));
    let [toe, ball, arch, rise, end] = sole(bottom, heel);
    let ankle = bottom - heel - normal(rng, 6.5, 0.8);
    let upper = [
        (1.0, bottom - 2.6),
        (4.5, bottom - 4.8),
        (10.0, ankle + 1.2),
        (front - 0.6, ankle - 1.5),
        (front, top),
        (back, top + normal(rng, 0.0, 0.5)),
        (back - 0.4, ankle),
        (back + 0.8, end.1),
        rise,
        arch,
        ball,
        toe,
    ];
    canvas.fill(&upper, &fabric);
    let dark = fabric.toned(fabric.tone * normal(rng, 0.5, 0.25));
    canvas.band(&[toe, ball, arch, rise, end], 1.2, &dark);
    let width = normal(rng, 4.0, 1.0).max(1.5);
    canvas.fill(
        &[
            (27.0, bottom - heel),
            (27.0 - width, bottom - heel),
            (26.8 - width * 0.8, bottom + 0.6),
            (26.6, bottom + 0.6),
        ],
        &dark,
    );
    if rng.random::<f32>() < 0.5 {
        // An elastic side, or a strap.
        let x = (front + back) / 2.0;
        canvas.band(&[(x, top + 1.0), (x - 0.6, ankle)], normal(rng, 1.8, 0.5), &fabric.toned(fabric.tone * 0.65));
    }
}

pub(super) fn sandal(canvas: &mut Canvas, rng: &mut dyn RngCore) {
    let fabric = Fabric::new(0.2, rng);
    let fabric = fabric.toned(fabric.tone * 0.85);
    let high = rng.random::<f32>() < 0.45;
    let heel = if high { normal(rng, 10.5, 2.0) } else { normal(rng, 1.5, 0.8).max(0.3) };
    let bottom = if high { normal(rng, 25.0, 1.0) } else { normal(rng, 19.5, 1.0) };
    let line = spline(&sole(bottom, heel));
    let at = |share: f32| line[((line.len() - 1) as f32 * share) as usize];
    let end = at(1.0);
    if high {
        // A stiletto or a block, or a wedge that fills all under the foot.
        let width = if rng.random::<f32>() < 0.5 { 1.6 } else { normal(rng, 5.0, 1.5).max(2.0) };
        canvas.fill(
            &[end, (end.0 - width, end.1), (end.0 - width * 0.7, bottom + 0.6), (end.0 - 0.3, bottom + 0.6)],
            &fabric,
        );
        if rng.random::<f32>() < 0.25 {
            canvas.fill(
                &[at(0.3), at(0.6), end, (end.0, bottom + 0.5), (6.0, bottom + 0.5)],
                &fabric.toned(fabric.tone * 0.8),
            );
        }
    }
    canvas.band(&line, normal(rng, 1.7, 0.4).max(1.0), &fabric.toned(fabric.tone * normal(rng, 0.8, 0.2)));
    let strap = normal(rng, 1.4, 0.4).max(0.7);
    for _ in 0..rng.random_range(1..4) {
        // Over the toes: from the sole up and over, leaning back.
        let (x, y) = at(rng.random_range(0.08..0.45));
        let reach = normal(rng, 4.5, 1.0);
        canvas.band(
            &spline(&[(x, y), (x + 1.5, y - reach * 0.8), (x + 4.5, y - reach), (x + 6.5, y - reach * 0.4)]),
            strap,
            &fabric,
        );
    }
    if high || rng.random::<f32>() < 0.6 {
        // Around the ankle.
        let (lift, y) = (normal(rng, 6.0, 1.2), end.1);
        let ring = [(end.0, y), (end.0 - 0.3, y - lift * 0.6), (end.0 - 2.5, y - lift), (end.0 - 7.0, y - lift * 0.9)];
        canvas.band(&spline(&ring), strap, &fabric);
    }
}
