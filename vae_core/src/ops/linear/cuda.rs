//! On a CUDA device: matrix products by cuBLAS, and one kernel for what comes around each.

use candle_core::Tensor;

use crate::{
    Result,
    ops::{
        activation::{self, Activation},
        gradients::{Collected, collect},
        node::node3,
    },
};

/// f(x Wᵀ + b): (B, in) → (B, out).
pub(crate) fn forward(x: &Tensor, [weight, bias]: &[Tensor; 2], activation: Option<Activation>) -> Result<Tensor> {
    let x = x.contiguous()?;
    let product = x.detach().matmul(&weight.detach().t()?)?;
    let y = activation::cuda::forward(&product, bias, activation)?;
    node3("vae_core linear", (&x, weight, bias), y, move |[x, weight, bias], y, dy| {
        let dy = activation::cuda::backward(dy, y, activation)?;
        let dx = if x.track_op() { Some(dy.matmul(&weight.detach())?) } else { None };
        let dw = dy.t()?.matmul(&x.detach())?;
        let db = activation::cuda::column_sums(&dy, bias.elem_count())?;
        Ok([dx, collect(weight, Collected::Tensor(dw))?, collect(bias, Collected::Tensor(db))?])
    })
}
