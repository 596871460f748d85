//! On the CPU, by plans of where the numbers are: forward, and backward by hand, in float32.

use std::cell::RefCell;

use rayon::prelude::*;

use super::{
    Direction, Geometry,
    plan::{Class, Plan},
};
use crate::ops::kernels::{
    elementwise::{add_rows, sum_parts},
    scratch::Scratch,
    tile::{Finish, Panels, Run, multiples, rows_by_panel, rows_by_rows},
    transpose::transpose_into,
};

/// With fewer channels than this on the big side, `up` adds up windows instead of gathering pixels: a vector of sums would be
/// mostly empty.
const FEW_CHANNELS: usize = 8;

/// Into how many groups of images a gradient is summed before the groups are added, in order: the result is that of one
/// fixed order, and up to so many threads have work.
const GROUPS: usize = 8;

/// How many small channels of a weight one task puts into another order.
const CHANNELS: usize = 16;

/// A geometry with its plans: made once for a layer and an image size.
pub(crate) struct Conv {
    geometry: Geometry,
    down: Plan,
    up: Plan,
}

thread_local! {
    /// The padded sources of the images that a thread works on.
    static PADDED: RefCell<Vec<f32>> = const { RefCell::new(vec![]) };
    /// The windows that [`Conv::scatter`] adds up.
    static WINDOWS: RefCell<Vec<f32>> = const { RefCell::new(vec![]) };
}

impl Conv {
    pub(crate) fn new(geometry: Geometry) -> Self {
        Self { geometry, down: geometry.down(), up: geometry.up() }
    }

    fn plan(&self, direction: Direction) -> (&Plan, usize, usize) {
        let (big, small) = (self.geometry.big_len(), self.geometry.small_len());
        match direction {
            Direction::Down => (&self.down, big, small),
            Direction::Up => (&self.up, small, big),
        }
    }

    /// The numbers of one image on the side that a direction leads to.
    pub(crate) fn output_len(&self, direction: Direction) -> usize {
        self.plan(direction).2
    }

    /// The weight, arranged for one direction: a panel for each class of output pixels.
    pub(crate) fn pack(&self, direction: Direction, weight: &[f32]) -> Vec<Panels> {
        let Geometry { big_channels, small_channels, kernel, .. } = self.geometry;
        let taps = &self.down.classes[0].taps;
        let row_len = taps.len() * big_channels;
        // (small channel, tap, big channel), the taps in their order for `down`.
        let mut rows = Scratch::new(weight.len());
        let tasks = rows.par_chunks_mut(CHANNELS * row_len).zip(weight.par_chunks(CHANNELS * row_len));
        tasks.for_each(|(rows, weight)| {
            for (row, weight) in rows.chunks_exact_mut(row_len).zip(weight.chunks_exact(row_len)) {
                for (row, (u, v)) in row.chunks_exact_mut(big_channels).zip(taps) {
                    let numbers = weight[u * kernel + v..].iter().step_by(kernel * kernel);
                    row.iter_mut().zip(numbers).for_each(|(to, from)| *to = *from);
                }
            }
        });
        match direction {
            Direction::Down => vec![Panels::of_columns(&rows, row_len, small_channels)],
            Direction::Up if self.scatters(direction) => {
                vec![Panels::of_rows(&rows, row_len, small_channels, row_len)]
            }
            Direction::Up => {
                let panels = |class: &Class| {
                    // Where in a row each tap of the class is.
                    let place = |tap| taps.iter().position(|other| other == tap).unwrap_or(0) * big_channels;
                    let places: Vec<usize> = class.taps.iter().map(place).collect();
                    Panels::pack(places.len() * small_channels, big_channels, |k, first, row| {
                        let from = k % small_channels * row_len + places[k / small_channels] + first;
                        row.copy_from_slice(&rows[from..][..row.len()]);
                    })
                };
                self.up.classes.iter().map(panels).collect()
            }
        }
    }

    /// All images of a batch in one direction, with the bias and the leaky part of the nonlinearity.
    pub(crate) fn apply(&self, direction: Direction, x: &[f32], panels: &[Panels], finish: Finish, y: &mut [f32]) {
        let (plan, source, target) = self.plan(direction);
        let images = plan.images.min((x.len() / source).div_ceil(rayon::current_num_threads()));
        y.par_chunks_mut(images * target)
            .zip(x.par_chunks(images * source))
            .for_each(|(y, x)| self.images(direction, x, panels, finish, y));
    }

    fn scatters(&self, direction: Direction) -> bool {
        direction == Direction::Up && self.geometry.big_channels < FEW_CHANNELS
    }

    /// As many images as the plan takes at a time, or fewer.
    fn images(&self, direction: Direction, x: &[f32], panels: &[Panels], finish: Finish, y: &mut [f32]) {
        let (plan, source, target) = self.plan(direction);
        if self.scatters(direction) {
            let each = x.chunks_exact(source).zip(y.chunks_exact_mut(target));
            return each.for_each(|(x, y)| self.scatter(x, &panels[0], finish, y));
        }
        PADDED.with_borrow_mut(|padded| {
            let padded = plan.pad(x, padded);
            for (class, panels) in plan.classes.iter().zip(panels) {
                let pixels = x.len() / source * class.pixels;
                rows_by_panel(padded, &class.rows[..pixels], &class.runs, panels, finish, &class.outs[..pixels], y);
            }
        });
    }

    /// `up` for one image: the window of each small pixel, added to the padded big side.
    fn scatter(&self, x: &[f32], panel: &Panels, finish: Finish, y: &mut [f32]) {
        let Geometry { big, big_channels, small_channels, kernel, .. } = self.geometry;
        let (plan, class) = (&self.down, &self.down.classes[0]);
        let width = kernel * kernel * big_channels;
        WINDOWS.with_borrow_mut(|windows| {
            let pixels = class.pixels;
            windows.resize(pixels * width, 0.0);
            let outs = multiples(width, pixels);
            let runs = [Run { offset: 0, len: small_channels }];
            rows_by_panel(x, &class.outs[..pixels], &runs, panel, Finish::default(), &outs, windows);
            PADDED.with_borrow_mut(|padded| {
                padded.clear();
                padded.resize(plan.padded.0 * plan.padded.1 * big_channels, 0.0);
                for (&row, mut window) in class.rows.iter().zip(windows[..pixels * width].chunks_exact(width)) {
                    for run in &class.runs {
                        let (line, rest) = window.split_at(run.len);
                        let target = &mut padded[row + run.offset..][..run.len];
                        target.iter_mut().zip(line).for_each(|(target, x)| *target += x);
                        window = rest;
                    }
                }
                for (i, y) in y.chunks_exact_mut(big.1 * big_channels).enumerate() {
                    let start = ((i + plan.lead) * plan.padded.1 + plan.lead) * big_channels;
                    let pixels = padded[start..].chunks_exact(big_channels);
                    for (y, x) in y.chunks_exact_mut(big_channels).zip(pixels) {
                        finish.write(y, x);
                    }
                }
            });
        });
    }

    /// From the gradient `dy` of what `apply` wrote: the gradient of its input, if `input` has the panels of the reversed
    /// direction, and those of the weight, in PyTorch's order, and of the bias, if asked for. `after` sees some images' input
    /// and the gradient of it while both are in the cache.
    pub(crate) fn backward(
        &self,
        direction: Direction,
        x: &[f32],
        dy: &[f32],
        input: Option<&[Panels]>,
        weight: bool,
        after: impl Fn(&[f32], &mut [f32]) + Sync,
    ) -> (Option<Scratch>, Option<(Scratch, Scratch)>) {
        let (_, x_len, dy_len) = self.plan(direction);
        let Geometry { big_channels, small_channels, .. } = self.geometry;
        let outputs = if direction == Direction::Down { small_channels } else { big_channels };
        let group = (x.len() / x_len).div_ceil(GROUPS).max(1);
        // As even as can be, whatever the number of threads.
        let images = group.div_ceil(group.div_ceil(self.down.images.min(self.up.images)));
        let mut dx = Scratch::new(if input.is_some() { x.len() } else { 0 });
        let work = |(x, dy, mut dx): (&[f32], &[f32], Option<&mut [f32]>)| {
            let mut sums = weight.then(|| (Scratch::zeros(self.geometry.weight_len()), Scratch::zeros(outputs)));
            for (i, (x, dy)) in x.chunks(images * x_len).zip(dy.chunks(images * dy_len)).enumerate() {
                if let Some((dw, db)) = &mut sums {
                    let (big, small) = if direction == Direction::Down { (x, dy) } else { (dy, x) };
                    self.add_weight_gradient(big, small, dw);
                    // By itself first: a sum of a hundred thousand pixels, one after the other, would lose digits.
                    let mut part = Scratch::zeros(outputs);
                    add_rows(dy, &mut part);
                    add_rows(&part, db);
                }
                if let (Some(dx), Some(panels)) = (&mut dx, input) {
                    let dx = &mut dx[i * images * x_len..][..x.len()];
                    self.images(direction.reversed(), dy, panels, Finish::default(), dx);
                    after(x, dx);
                }
            }
            sums
        };
        let groups = x.par_chunks(group * x_len).zip(dy.par_chunks(group * dy_len));
        let sums: Vec<_> = if input.is_some() {
            let dx = dx.par_chunks_mut(group * x_len);
            groups.zip(dx).map(|((x, dy), dx)| work((x, dy, Some(dx)))).collect()
        } else {
            groups.map(|(x, dy)| work((x, dy, None))).collect()
        };
        let (dw, db): (Vec<_>, Vec<_>) = sums.into_iter().flatten().unzip();
        (input.map(|_| dx), weight.then(|| (self.in_torch_order(&dw), sum_parts(&db, outputs))))
    }

    /// Adds some images' part of the weight's gradient, in the order (tap, big channel, small channel).
    fn add_weight_gradient(&self, big: &[f32], small: &[f32], sum: &mut [f32]) {
        let class = &self.down.classes[0];
        let channels = self.geometry.small_channels;
        let pixels = small.len() / channels;
        // Before the buffer is borrowed: packing may wait for another thread, and a thread that waits may do other work here.
        let panels = Panels::of_rows(small, channels, pixels, channels);
        PADDED.with_borrow_mut(|padded| {
            rows_by_rows(self.down.pad(big, padded), &class.rows[..pixels], &class.runs, &panels, sum);
        });
    }

    /// The sum of the groups, first to last, in PyTorch's order: (small channel, big channel, row, column).
    fn in_torch_order(&self, groups: &[Scratch]) -> Scratch {
        let Geometry { big_channels, small_channels, kernel, .. } = self.geometry;
        let taps = &self.down.classes[0].taps;
        let row_len = taps.len() * big_channels;
        let sum = sum_parts(groups, self.geometry.weight_len());
        let mut gradient = Scratch::new(sum.len());
        gradient.par_chunks_mut(CHANNELS * row_len).enumerate().for_each(|(i, gradient)| {
            let mut rows = Scratch::new(gradient.len());
            let channels = gradient.len() / row_len;
            transpose_into(&sum[i * CHANNELS..], small_channels, row_len, channels, &mut rows, row_len);
            for (gradient, row) in gradient.chunks_exact_mut(row_len).zip(rows.chunks_exact(row_len)) {
                for (row, (u, v)) in row.chunks_exact(big_channels).zip(taps) {
                    let numbers = gradient[u * kernel + v..].iter_mut().step_by(kernel * kernel);
                    numbers.zip(row).for_each(|(to, from)| *to = *from);
                }
            }
        });
        gradient
    }
}
