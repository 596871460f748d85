//! Functions in candle's own operations that take each row by itself, on all threads.
//!
//! candle computes number by number on one thread, a pass over memory for each operation. Without gradients the rows can be shared out:
//! some at a time go through all operations, in the cache of a core. No row sees another, so the bits are those of all rows at once.

use candle_core::Tensor;
use rayon::prelude::*;

use super::{any_thread, no_grad, width};
use crate::Result;

/// Numbers of the first tensor in the rows of one task.
const NUMBERS: usize = 1 << 12;

/// f of tensors that have as many rows each, (B, …) → (B, …); inside [`no_grad`](no_grad::no_grad) on the CPU, of some rows at a time.
pub(crate) fn by_rows<const N: usize>(
    tensors: [&Tensor; N],
    f: impl Fn([&Tensor; N]) -> Result<Tensor> + Sync,
) -> Result<Tensor> {
    let (rows, at_once) = (tensors[0].dims()[0], (NUMBERS / width(tensors[0])).max(1));
    if !no_grad::active() || !any_thread(tensors[0].device()) || rows <= at_once {
        return f(tensors);
    }
    let part = |first: usize| -> Result<Tensor> {
        let some = tensors.map(|x| x.narrow(0, first, at_once.min(rows - first)));
        let some = some.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
        f(std::array::from_fn(|i| &some[i]))
    };
    let parts = (0..rows).into_par_iter().step_by(at_once).map(part).collect::<Result<Vec<_>>>()?;
    Ok(no_grad::result(Tensor::cat(&parts, 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::compare::normal;

    /// The bits are those of all rows at once: with rows that fill several tasks and a part, and with one tensor that is broadcast.
    #[test]
    fn rows_are_rows() {
        let [x, y] = [1, 2].map(|seed| normal(seed, &[1000, 50]));
        let one = normal(3, &[50]).broadcast_as((1000, 50)).unwrap();
        let sums = |[x, y, one]: [&Tensor; 3]| Ok(((x * y)? + one.exp()?)?.sum(1)?);
        let bits = |sums: Result<Tensor>| sums.unwrap().to_vec1::<f32>().unwrap();
        let all = bits(by_rows([&x, &y, &one], sums));
        assert!(no_grad::no_grad(|| bits(by_rows([&x, &y, &one], sums))) == all);
    }
}
