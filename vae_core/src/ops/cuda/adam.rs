//! One launch of Adam for up to 48 parameters.

use candle_core::Tensor;

use super::launch::{MOST, Parameters, Value, int, launch, with_address};
use crate::Result;

/// Blocks that share one parameter: enough to fill a large GPU with the largest of them.
const BLOCKS: usize = 256;

/// A parameter, its gradient and both running means, of one length.
pub(crate) type Slot<'a> = [&'a Tensor; 4];

/// m ← k₁ m + t₁ g, v ← k₂ v + t₂ g², θ ← θ − rate · m / (√v + ε), for `numbers` k₁, t₁, k₂, t₂, rate, ε, in place.
pub(crate) fn step(slots: &[Slot], numbers: [f64; 6]) -> Result<()> {
    for slots in slots.chunks(MOST) {
        let table = Parameters { addresses: [[0; MOST]; 4], lengths: [0; MOST] };
        fill(slots, slots.len(), table, &numbers)?;
    }
    Ok(())
}

/// The table of the remaining slots, then the launch: inside all of the tensors' locks.
fn fill(slots: &[Slot], all: usize, table: Parameters, numbers: &[f64; 6]) -> Result<()> {
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
                    table.lengths[at] = int(slot[0].elem_count())?;
                    if !rest.is_empty() {
                        return fill(rest, all, table, numbers);
                    }
                    let mut values = vec![Value::Parameters(Box::new(table))];
                    values.extend(numbers.iter().map(|&x| Value::Float(x as f32)));
                    launch("adam", device, (BLOCKS, all, 256), &values)
                })
            })
        })
    })
}
