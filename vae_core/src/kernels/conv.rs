//! Convolution and its transpose as one geometry with two sides.
//!
//! A convolution maps the *big* side to the *small* one, a transposed convolution the small one to the big one, and each is
//! the other's gradient with respect to the input. The weight is (small channels, big channels, k, k) for both, PyTorch's
//! order, and its gradient is the same sum for both:
//!
//! ```text
//! down     small[a, i] = Σ_{b, u} w[a, b, u] · big[b, i·s + u·d − p]
//! up       big[b, i·s + u·d − p] += w[a, b, u] · small[a, i]
//! weights  w[a, b, u] += Σ_i small[a, i] · big[b, i·s + u·d − p]           (i, u: two coordinates each)
//! ```
//! Images are kept channels last inside, so that the pixels of a window's line lie together. `up` is cut into s² classes of
//! output pixels, (i + p) mod s in each coordinate; within a class it is a convolution of stride 1 with the part of the
//! window that reaches the class, so no zero is multiplied and no sum is scattered.

use std::cell::RefCell;

use rayon::prelude::*;

use super::{
    scratch::Scratch,
    tile::{Finish, Panels, Run, multiples, rows_by_panel, rows_by_rows},
};

/// With fewer channels than this on the big side, `up` adds up windows instead of gathering pixels: a vector of sums would be
/// mostly empty.
const FEW_CHANNELS: usize = 8;

/// Into how many groups of images a gradient is summed before the groups are added, in order: the result is that of one
/// fixed order, and up to so many threads have work.
const GROUPS: usize = 8;

/// The sizes of both sides and the window between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// (height, width) in pixels.
    pub(crate) big: (usize, usize),
    pub(crate) small: (usize, usize),
    pub(crate) big_channels: usize,
    pub(crate) small_channels: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
}

/// Which side is the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Down,
    Up,
}

impl Direction {
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Down => Self::Up,
            Self::Up => Self::Down,
        }
    }
}

/// Output pixels that read the same pixels of the window.
struct Class {
    /// The window's pixels (row, column), in the order in which their source pixels lie.
    taps: Vec<(usize, usize)>,
    /// The same in the padded source: neighbouring taps are one run.
    runs: Vec<Run>,
    /// Where in the padded source the window of each output pixel begins.
    rows: Vec<usize>,
    /// Where the output pixels are.
    outs: Vec<usize>,
}

/// How to compute one direction: the padding of the source and the classes of output pixels.
struct Plan {
    channels: usize,
    source: (usize, usize),
    /// Zeros above and to the left.
    lead: usize,
    padded: (usize, usize),
    classes: Vec<Class>,
}

impl Plan {
    /// The source with its zeros, channels last.
    fn pad(&self, source: &[f32], padded: &mut Vec<f32>) {
        let line = self.source.1 * self.channels;
        padded.clear();
        padded.resize(self.padded.0 * self.padded.1 * self.channels, 0.0);
        for (i, from) in source.chunks_exact(line).enumerate() {
            let start = ((i + self.lead) * self.padded.1 + self.lead) * self.channels;
            padded[start..start + line].copy_from_slice(from);
        }
    }
}

/// Sorts taps by their offset in the source and joins neighbours.
fn runs(mut taps: Vec<(usize, (usize, usize))>, channels: usize) -> (Vec<(usize, usize)>, Vec<Run>) {
    taps.sort_unstable();
    let mut runs: Vec<Run> = vec![];
    for &(pixel, _) in &taps {
        let offset = pixel * channels;
        match runs.last_mut() {
            Some(run) if run.offset + run.len == offset => run.len += channels,
            _ => runs.push(Run { offset, len: channels }),
        }
    }
    (taps.into_iter().map(|(_, tap)| tap).collect(), runs)
}

impl Geometry {
    fn big_len(&self) -> usize {
        self.big.0 * self.big.1 * self.big_channels
    }

    fn small_len(&self) -> usize {
        self.small.0 * self.small.1 * self.small_channels
    }

    fn weight_len(&self) -> usize {
        self.small_channels * self.big_channels * self.kernel * self.kernel
    }

    fn down(&self) -> Plan {
        let Self { big, small, kernel, stride, padding, dilation, big_channels, small_channels, .. } = *self;
        let reach = |n: usize| (n - 1) * stride + (kernel - 1) * dilation + 1;
        let padded = (reach(small.0).max(big.0 + padding), reach(small.1).max(big.1 + padding));
        let window = (0..kernel).flat_map(|u| (0..kernel).map(move |v| (u, v)));
        let taps = window.map(|(u, v)| ((u * padded.1 + v) * dilation, (u, v))).collect();
        let (taps, runs) = runs(taps, big_channels);
        let pixels = (0..small.0).flat_map(|i| (0..small.1).map(move |j| (i, j)));
        let rows = pixels.map(|(i, j)| (i * padded.1 + j) * stride * big_channels).collect();
        let outs = multiples(small_channels, small.0 * small.1);
        Plan {
            channels: big_channels,
            source: big,
            lead: padding,
            padded,
            classes: vec![Class { taps, runs, rows, outs }],
        }
    }

    fn up(&self) -> Plan {
        let Self { big, small, kernel, stride, padding, dilation, big_channels, small_channels, .. } = *self;
        // Output pixel t − p reads source pixel (t − u·d)/s for each u that divides: t/s − (u·d)/s, both rounded down, when
        // u·d ≡ t (mod s). So the source is padded by the largest u·d/s in front.
        let lead = (kernel - 1) * dilation / stride;
        let reach = |big: usize, small: usize| (lead + small).max((big - 1 + padding) / stride + lead + 1);
        let padded = (reach(big.0, small.0), reach(big.1, small.1));
        let mut classes = vec![];
        for (pi, pj) in (0..stride).flat_map(|i| (0..stride).map(move |j| (i, j))) {
            let hits = |p: usize| (0..kernel).filter(move |u| u * dilation % stride == p);
            let back = |u: usize| lead - u * dilation / stride;
            let taps = hits(pi).flat_map(|u| hits(pj).map(move |v| (u, v)));
            let (taps, runs) =
                runs(taps.map(|(u, v)| (back(u) * padded.1 + back(v), (u, v))).collect(), small_channels);
            let of_class = |p: usize, n: usize| (padding..n + padding).filter(move |t| t % stride == p);
            let pixels = of_class(pi, big.0).flat_map(|i| of_class(pj, big.1).map(move |j| (i, j)));
            let (mut rows, mut outs) = (vec![], vec![]);
            for (i, j) in pixels {
                rows.push((i / stride * padded.1 + j / stride) * small_channels);
                outs.push(((i - padding) * big.1 + j - padding) * big_channels);
            }
            classes.push(Class { taps, runs, rows, outs });
        }
        Plan { channels: small_channels, source: small, lead, padded, classes }
    }
}

/// A geometry with its plans: made once for a layer and an image size.
pub(crate) struct Conv {
    geometry: Geometry,
    down: Plan,
    up: Plan,
}

thread_local! {
    /// The padded source of the image that a thread works on.
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
        let window = kernel * kernel;
        if self.scatters(direction) {
            let columns = window * big_channels;
            let taps = &self.down.classes[0].taps;
            return vec![Panels::pack(small_channels, columns, |small, first, row| {
                for (j, value) in row.iter_mut().enumerate() {
                    let ((u, v), big) = (taps[(first + j) / big_channels], (first + j) % big_channels);
                    *value = weight[(small * big_channels + big) * window + u * kernel + v];
                }
            })];
        }
        let (plan, ..) = self.plan(direction);
        plan.classes
            .iter()
            .map(|class| {
                let (inputs, outputs) = match direction {
                    Direction::Down => (big_channels, small_channels),
                    Direction::Up => (small_channels, big_channels),
                };
                Panels::pack(class.taps.len() * inputs, outputs, |k, first, row| {
                    let (u, v) = class.taps[k / inputs];
                    let (channel, tap) = (k % inputs, u * kernel + v);
                    for (j, value) in row.iter_mut().enumerate() {
                        let (small, big) = match direction {
                            Direction::Down => (first + j, channel),
                            Direction::Up => (channel, first + j),
                        };
                        *value = weight[(small * big_channels + big) * window + tap];
                    }
                })
            })
            .collect()
    }

    /// All images of a batch in one direction, with the bias and the leaky part of the nonlinearity.
    pub(crate) fn apply(&self, direction: Direction, x: &[f32], panels: &[Panels], finish: Finish, y: &mut [f32]) {
        let (_, source, target) = self.plan(direction);
        y.par_chunks_mut(target)
            .zip(x.par_chunks(source))
            .for_each(|(y, x)| self.image(direction, x, panels, finish, y));
    }

    fn scatters(&self, direction: Direction) -> bool {
        direction == Direction::Up && self.geometry.big_channels < FEW_CHANNELS
    }

    /// One image.
    fn image(&self, direction: Direction, x: &[f32], panels: &[Panels], finish: Finish, y: &mut [f32]) {
        if self.scatters(direction) {
            return self.scatter(x, &panels[0], finish, y);
        }
        let (plan, ..) = self.plan(direction);
        PADDED.with_borrow_mut(|padded| {
            plan.pad(x, padded);
            for (class, panels) in plan.classes.iter().zip(panels) {
                rows_by_panel(padded, &class.rows, &class.runs, panels, finish, &class.outs, y);
            }
        });
    }

    /// `up` for one image: the window of each small pixel, added to the padded big side.
    fn scatter(&self, x: &[f32], panel: &Panels, finish: Finish, y: &mut [f32]) {
        let Geometry { big, big_channels, small_channels, kernel, .. } = self.geometry;
        let (plan, class) = (&self.down, &self.down.classes[0]);
        let width = kernel * kernel * big_channels;
        WINDOWS.with_borrow_mut(|windows| {
            let pixels = class.rows.len();
            windows.resize(pixels * width, 0.0);
            let outs = multiples(width, pixels);
            let runs = [Run { offset: 0, len: small_channels }];
            rows_by_panel(x, &class.outs, &runs, panel, Finish::default(), &outs, windows);
            PADDED.with_borrow_mut(|padded| {
                padded.clear();
                padded.resize(plan.padded.0 * plan.padded.1 * big_channels, 0.0);
                for (&row, mut window) in class.rows.iter().zip(windows.chunks_exact(width)) {
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
    /// direction, and that of the weight in PyTorch's order, if asked for. `after` sees each image's input and the gradient
    /// of it while both are in the cache.
    pub(crate) fn backward(
        &self,
        direction: Direction,
        x: &[f32],
        dy: &[f32],
        input: Option<&[Panels]>,
        weight: bool,
        after: impl Fn(&[f32], &mut [f32]) + Sync,
    ) -> (Option<Scratch>, Option<Scratch>) {
        let (_, x_len, dy_len) = self.plan(direction);
        let batch = x.len() / x_len;
        let group = batch.div_ceil(GROUPS).max(1);
        let mut dx = Scratch::new(if input.is_some() { x.len() } else { 0 });
        let work = |(x, dy, mut dx): (&[f32], &[f32], Option<&mut [f32]>)| {
            let mut sum = vec![0.0; if weight { self.geometry.weight_len() } else { 0 }];
            for (i, (x, dy)) in x.chunks_exact(x_len).zip(dy.chunks_exact(dy_len)).enumerate() {
                if weight {
                    let (big, small) = match direction {
                        Direction::Down => (x, dy),
                        Direction::Up => (dy, x),
                    };
                    self.add_weight_gradient(big, small, &mut sum);
                }
                if let (Some(dx), Some(panels)) = (&mut dx, input) {
                    let dx = &mut dx[i * x_len..][..x_len];
                    self.image(direction.reversed(), dy, panels, Finish::default(), dx);
                    after(x, dx);
                }
            }
            sum
        };
        let groups = x.par_chunks(group * x_len).zip(dy.par_chunks(group * dy_len));
        let sums: Vec<Vec<f32>> = if input.is_some() {
            let dx = dx.par_chunks_mut(group * x_len);
            groups.zip(dx).map(|((x, dy), dx)| work((x, dy, Some(dx)))).collect()
        } else {
            groups.map(|(x, dy)| work((x, dy, None))).collect()
        };
        (input.map(|_| dx), weight.then(|| self.add_groups(&sums)))
    }

    /// Adds one image's part of the weight's gradient, in the order of the taps: (u, v, big channel, small channel).
    fn add_weight_gradient(&self, big: &[f32], small: &[f32], sum: &mut [f32]) {
        let class = &self.down.classes[0];
        PADDED.with_borrow_mut(|padded| {
            self.down.pad(big, padded);
            rows_by_rows(padded, &class.rows, &class.runs, small, &class.outs, self.geometry.small_channels, sum);
        });
    }

    /// The sum of the groups, first to last, in PyTorch's order.
    fn add_groups(&self, groups: &[Vec<f32>]) -> Scratch {
        let Geometry { big_channels, small_channels, kernel, .. } = self.geometry;
        let mut gradient = Scratch::new(self.geometry.weight_len());
        for (k, &(u, v)) in self.down.classes[0].taps.iter().enumerate() {
            for b in 0..big_channels {
                let row = (k * big_channels + b) * small_channels;
                for a in 0..small_channels {
                    let sum: f32 = groups.iter().map(|group| group[row + a]).sum();
                    gradient[((a * big_channels + b) * kernel + u) * kernel + v] = sum;
                }
            }
        }
        gradient
    }
}
