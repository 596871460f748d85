//! On the CPU: one pass over a parameter and both means, on all threads.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Var};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Update;
use crate::{Error, Result};

/// Elements that one thread takes at a time.
const CHUNK: usize = 16 * 1024;

pub(super) fn step(update: &Update, theta: &Var, g: &[f32], m: &Var, v: &Var) -> Result<()> {
    let (arch, count) = (Arch::new(), theta.elem_count());
    if g.len() != count {
        return Err(Error::argument(format!("expected a gradient of {count} numbers, got {}", g.len())));
    }
    let apply = |theta: &mut [f32], m: &mut [f32], v: &mut [f32]| {
        let means = m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK));
        let all = theta.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK)).zip(means);
        all.for_each(|((theta, g), (m, v))| arch.dispatch(Chunk { update, theta, g, m, v }));
        Ok(())
    };
    // candle hands out one tensor to write to at a time, so each is asked for inside the other's turn.
    writing(m, |m| writing(v, |v| writing(theta, |theta| apply(theta, m, v))))
}

/// What one thread takes at a time.
struct Chunk<'a> {
    update: &'a Update,
    theta: &'a mut [f32],
    g: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl WithSimd for Chunk<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Update { keep, take, rate, epsilon } = *self.update;
        let ([keep1, keep2], [take1, take2]) = (keep.map(|x| x as f32), take.map(|x| x as f32));
        let [rate, epsilon] = [rate, epsilon].map(|x| x as f32);
        for (((theta, &g), m), v) in self.theta.iter_mut().zip(self.g).zip(self.m).zip(self.v) {
            *m = or_zero(keep1 * *m + take1 * g, 1e-30);
            *v = or_zero(keep2 * *v + take2 * g * g, f32::MIN_POSITIVE);
            *theta -= rate * *m / (v.sqrt() + epsilon);
        }
    }
}

/// x, or 0 where |x| is less than `least`.
///
/// The means of a weight whose gradient stays 0, as behind a rectifier that never fires again, shrink for ever: after 700
/// steps the first is below 10⁻³⁸, where numbers are subnormal and a processor computes with them many times slower. Its
/// limit leaves room for the product with the learning rate; the square of a gradient that small is 0 anyway.
#[inline(always)]
fn or_zero(x: f32, least: f32) -> f32 {
    if x.abs() < least { 0.0 } else { x }
}

/// Calls `f` with the numbers of a contiguous float32 variable on the CPU, to write to.
fn writing<R>(var: &Var, f: impl FnOnce(&mut [f32]) -> Result<R>) -> Result<R> {
    let turn = Turn(RefCell::new((Some(f), None)));
    var.inplace_op1(&turn)?;
    turn.0.into_inner().1.unwrap_or_else(|| Err(Error::argument("candle did not hand out a variable to write to")))
}

/// A closure that is called once with the storage of a tensor to write to, and what it returned.
struct Turn<F, R>(RefCell<(Option<F>, Option<Result<R>>)>);

impl<R, F: FnOnce(&mut [f32]) -> Result<R>> InplaceOp1 for Turn<F, R> {
    fn name(&self) -> &'static str {
        "vae_core Adam"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            candle_core::bail!("Adam expected a contiguous float32 variable, got the layout {layout:?}");
        };
        let (f, result) = &mut *self.0.borrow_mut();
        *result = f.take().map(|f| f(&mut values[start..end]));
        Ok(())
    }
}
