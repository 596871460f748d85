//! On a CUDA device: a thread for each number of a draw, a block for each item's divergence.

use candle_core::Tensor;

use crate::{
    Result,
    ops::{
        cuda::launch::{Arg, Grid, run},
        node::Output,
        width,
    },
};

/// z, from contiguous tensors of one shape.
pub(super) fn draw(mu: &Tensor, log_var: &Tensor, epsilon: &Tensor) -> Result<Output> {
    each("reparameterize", [mu, log_var, epsilon])
}

/// The gradient with respect to v, from that of z.
pub(super) fn draw_gradient(log_var: &Tensor, epsilon: &Tensor, dz: &Tensor) -> Result<Output> {
    each("reparameterize_gradient", [dz, log_var, epsilon])
}

fn each(kernel: &'static str, tensors: [&Tensor; 3]) -> Result<Output> {
    let (x, [a, b, c]) = (tensors[0], tensors.map(Arg::Tensor));
    run(kernel, x.device(), x.shape(), Grid::Elements, &[a, b, c, Arg::Int(x.elem_count())])
}

/// KL of each item.
pub(super) fn kl(mu: &Tensor, log_var: &Tensor) -> Result<Output> {
    let (items, args) = (mu.dims()[0], [Arg::Tensor(mu), Arg::Tensor(log_var), Arg::Int(width(mu))]);
    run("kl", mu.device(), items, Grid::Blocks(items), &args)
}

/// Its gradients with respect to μ and v, from that of each item's divergence.
pub(super) fn kl_gradients(mu: &Tensor, log_var: &Tensor, dy: &Tensor) -> Result<[Output; 2]> {
    let gradient = |kernel, x: &Tensor| {
        let args = [Arg::Tensor(x), Arg::Tensor(dy), Arg::Int(x.elem_count()), Arg::Int(width(x))];
        run(kernel, x.device(), x.shape(), Grid::Elements, &args)
    };
    Ok([gradient("kl_mu_gradient", mu)?, gradient("kl_log_var_gradient", log_var)?])
}
