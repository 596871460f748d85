//! On a CUDA device: one launch for up to 48 parameters.

use candle_core::Tensor;

use super::{Gradient, Path, Slot, Update, path, reference};
use crate::{
    Result,
    ops::cuda::launch::{MOST, Parameters, Value, as_int, launch, with_address},
};

/// Blocks that share one parameter: enough to fill a large GPU with the largest of them.
const BLOCKS: usize = 256;

/// A step of all parameters: those that the kernel does not take go by the reference.
pub(super) fn step(slots: &[Slot], update: &Update) -> Result<()> {
    let mut together = vec![];
    for &Slot { theta, ref gradient, m, v } in slots {
        let gradient = match gradient {
            Gradient::Tensor(gradient) => gradient.contiguous()?,
            Gradient::Numbers(gradient) => Tensor::from_slice(gradient, theta.shape(), theta.device())?,
        };
        match path([theta, &gradient, m, v]) {
            Path::Cuda => together.push((theta, gradient, m, v)),
            Path::Cpu | Path::Reference => reference(update, theta, &gradient, m, v)?,
        }
    }
    let tensors: Vec<[&Tensor; 4]> =
        together.iter().map(|(theta, gradient, m, v)| [theta.as_tensor(), gradient, m, v]).collect();
    let Update { keep, take, rate, epsilon } = *update;
    for tensors in tensors.chunks(MOST) {
        let table = Parameters { addresses: [[0; MOST]; 4], lengths: [0; MOST] };
        launch_with(tensors, tensors.len(), table, &[keep[0], take[0], keep[1], take[1], rate, epsilon])?;
    }
    Ok(())
}

/// The table of the remaining slots, then the launch: inside all of the tensors' locks.
fn launch_with(slots: &[[&Tensor; 4]], all: usize, table: Parameters, numbers: &[f64; 6]) -> Result<()> {
    let Some((slot, rest)) = slots.split_first() else { return Ok(()) };
    let at = all - slots.len();
    let device = slot[0].device();
    let [theta, gradient, m, v] = *slot;
    with_address(theta, |theta| {
        with_address(gradient, |gradient| {
            with_address(m, |m| {
                with_address(v, |v| {
                    let mut table = table;
                    for (addresses, address) in table.addresses.iter_mut().zip([theta, gradient, m, v]) {
                        addresses[at] = address;
                    }
                    table.lengths[at] = as_int(slot[0].elem_count())?;
                    if !rest.is_empty() {
                        return launch_with(rest, all, table, numbers);
                    }
                    let mut values = vec![Value::Parameters(Box::new(table))];
                    values.extend(numbers.iter().map(|&x| Value::Float(x as f32)));
                    launch("adam", device, (BLOCKS, all, 256), &values)
                })
            })
        })
    })
}
