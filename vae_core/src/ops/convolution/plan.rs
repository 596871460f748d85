//! Where the numbers of a convolution are: which pixels a window reads, and where its sums go.
//!
//! Images are kept channels last, so that the pixels of a window's line lie together. `up` is cut into s² classes of output
//! pixels, (i + p) mod s in each coordinate; within a class it is a convolution of stride 1 with the part of the window that
//! reaches the class, so no zero is multiplied and no sum is scattered.

use super::Geometry;
use crate::ops::kernels::tile::{BEYOND, Run, multiples};

/// How many output pixels make a call of a tile worthwhile: its last rows are often rows too many, and with 7 × 7 pixels that
/// would be a sixth of the work. So small images are taken several at a time.
const PIXELS: usize = 256;

/// Output pixels that read the same pixels of the window.
pub(super) struct Class {
    /// The window's pixels (row, column), in the order in which their source pixels lie.
    pub(super) taps: Vec<(usize, usize)>,
    /// The window's pixels as places in the padded source: neighbours are one run.
    pub(super) runs: Vec<Run>,
    /// How many output pixels of this class an image has.
    pub(super) pixels: usize,
    /// Where in the padded sources the window of each output pixel begins, for as many images as the plan takes at a time.
    pub(super) rows: Vec<usize>,
    /// Where the output pixels are.
    pub(super) outs: Vec<usize>,
}

/// What one image needs of a class, to be repeated.
struct Places {
    taps: Vec<(usize, (usize, usize))>,
    rows: Vec<usize>,
    outs: Vec<usize>,
}

/// How to compute one direction: the padding of the source and the classes of output pixels.
pub(super) struct Plan {
    pub(super) channels: usize,
    pub(super) source: (usize, usize),
    /// Zeros above and to the left.
    pub(super) lead: usize,
    pub(super) padded: (usize, usize),
    /// How many images are computed at a time, at most.
    pub(super) images: usize,
    pub(super) classes: Vec<Class>,
}

impl Plan {
    /// The classes of one image, repeated for several; `target` is the length of what one image becomes.
    fn new(
        (source, channels): ((usize, usize), usize),
        lead: usize,
        padded: (usize, usize),
        target: usize,
        classes: Vec<Places>,
    ) -> Self {
        let pixels = classes.iter().map(|class| class.rows.len()).max().unwrap_or(1);
        let images = (PIXELS / pixels.max(1)).max(1);
        let repeated = |places: &[usize], step: usize| -> Vec<usize> {
            (0..images).flat_map(|i| places.iter().map(move |place| i * step + place)).collect()
        };
        let classes = classes.into_iter().map(|Places { taps, rows, outs }| {
            let (taps, runs) = runs(taps, channels);
            let pixels = rows.len();
            let rows = repeated(&rows, padded.0 * padded.1 * channels);
            Class { taps, runs, pixels, rows, outs: repeated(&outs, target) }
        });
        Self { channels, source, lead, padded, images, classes: classes.collect() }
    }

    /// The numbers of one source.
    fn source_len(&self) -> usize {
        self.source.0 * self.source.1 * self.channels
    }

    /// Some sources with their zeros, channels last.
    pub(super) fn pad<'a>(&self, sources: &[f32], padded: &'a mut Vec<f32>) -> &'a [f32] {
        let line = self.source.1 * self.channels;
        let (padded_line, lead) = (self.padded.1 * self.channels, self.lead * self.channels);
        let one = self.padded.0 * padded_line;
        let len = sources.len() / self.source_len() * one + BEYOND;
        if padded.len() < len {
            padded.resize(len, 0.0);
        }
        for (source, padded) in sources.chunks_exact(self.source_len()).zip(padded.chunks_exact_mut(one)) {
            let (above, rest) = padded.split_at_mut(self.lead * padded_line);
            let (lines, below) = rest.split_at_mut(self.source.0 * padded_line);
            above.fill(0.0);
            for (from, to) in source.chunks_exact(line).zip(lines.chunks_exact_mut(padded_line)) {
                to[..lead].fill(0.0);
                to[lead..][..line].copy_from_slice(from);
                to[lead + line..].fill(0.0);
            }
            below.fill(0.0);
        }
        &padded[..len]
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
    pub(super) fn big_len(&self) -> usize {
        self.big.0 * self.big.1 * self.big_channels
    }

    pub(super) fn small_len(&self) -> usize {
        self.small.0 * self.small.1 * self.small_channels
    }

    pub(super) fn weight_len(&self) -> usize {
        self.small_channels * self.big_channels * self.kernel * self.kernel
    }

    pub(super) fn down(&self) -> Plan {
        let Self { big, small, kernel, stride, padding, dilation, big_channels, small_channels, .. } = *self;
        let reach = |n: usize| (n - 1) * stride + (kernel - 1) * dilation + 1;
        let padded = (reach(small.0).max(big.0 + padding), reach(small.1).max(big.1 + padding));
        let window = (0..kernel).flat_map(|u| (0..kernel).map(move |v| (u, v)));
        let taps = window.map(|(u, v)| ((u * padded.1 + v) * dilation, (u, v))).collect();
        let pixels = (0..small.0).flat_map(|i| (0..small.1).map(move |j| (i, j)));
        let rows = pixels.map(|(i, j)| (i * padded.1 + j) * stride * big_channels).collect();
        let outs = multiples(small_channels, small.0 * small.1);
        Plan::new((big, big_channels), padding, padded, self.small_len(), vec![Places { taps, rows, outs }])
    }

    pub(super) fn up(&self) -> Plan {
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
            let taps = taps.map(|(u, v)| (back(u) * padded.1 + back(v), (u, v))).collect();
            let of_class = |p: usize, n: usize| (padding..n + padding).filter(move |t| t % stride == p);
            let pixels = of_class(pi, big.0).flat_map(|i| of_class(pj, big.1).map(move |j| (i, j)));
            let (mut rows, mut outs) = (vec![], vec![]);
            for (i, j) in pixels {
                rows.push((i / stride * padded.1 + j / stride) * small_channels);
                outs.push(((i - padding) * big.1 + j - padding) * big_channels);
            }
            classes.push(Places { taps, rows, outs });
        }
        Plan::new((small, small_channels), lead, padded, self.big_len(), classes)
    }
}
