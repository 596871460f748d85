//! Densities and draws, each in one kernel, with their gradients.

use candle_core::Tensor;

use super::{
    launch::{Arg, Grid, run},
    node::{node1, node2, node3},
};
use crate::Result;

/// Numbers in one item of a (B, …) tensor.
fn width(x: &Tensor) -> usize {
    x.elem_count() / x.dims()[0].max(1)
}

/// Σ x·l − ln(1 + eˡ) of each item: (B, …) twice → (B,).
pub(crate) fn bernoulli(logits: &Tensor, x: &Tensor) -> Result<Tensor> {
    let (logits, x, images) = (logits.contiguous()?, x.contiguous()?, logits.dims()[0]);
    let args = [Arg::Tensor(&logits), Arg::Tensor(&x), Arg::Int(width(&x))];
    let y = run("bernoulli", x.device(), images, Grid::Blocks(images), &args)?;
    node2("vae_core Bernoulli log-probability", (&logits, &x), y, |[logits, x], _, dy| {
        let args = [logits, x, dy].map(Arg::Tensor).into_iter();
        let args: Vec<_> = args.chain([Arg::Int(x.elem_count()), Arg::Int(width(x))]).collect();
        let by_logits = run("bernoulli_gradient", x.device(), logits.shape(), Grid::Elements, &args)?.tensor();
        // Images are data; where they are not, the derivative is l.
        let by_x = match x.track_op() {
            true => {
                Some(logits.detach().flatten_from(1)?.broadcast_mul(&dy.reshape(((), 1))?)?.reshape(logits.shape())?)
            }
            false => None,
        };
        Ok([Some(by_logits), by_x])
    })
}

/// 1 / (1 + e⁻ˣ).
pub(crate) fn sigmoid(x: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    let args = [Arg::Tensor(&x), Arg::Int(x.elem_count())];
    let y = run("sigmoid", x.device(), x.shape(), Grid::Elements, &args)?;
    node1("vae_core sigmoid", &x, y, |_, y, dy| Ok([Some((dy * (y * y.affine(-1.0, 1.0)?)?)?)]))
}

/// KL(N(μ, e^v) ‖ N(0, I)) of each item: (B, D) twice → (B,).
pub(crate) fn kl(mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    let (mu, log_var, items) = (mu.contiguous()?, log_var.contiguous()?, mu.dims()[0]);
    let args = [Arg::Tensor(&mu), Arg::Tensor(&log_var), Arg::Int(width(&mu))];
    let y = run("kl", mu.device(), items, Grid::Blocks(items), &args)?;
    node2("vae_core KL to N(0, I)", (&mu, &log_var), y, |[mu, log_var], _, dy| {
        let gradient = |kernel, x| -> Result<_> {
            let args = [Arg::Tensor(x), Arg::Tensor(dy), Arg::Int(x.elem_count()), Arg::Int(width(x))];
            Ok(Some(run(kernel, x.device(), x.shape(), Grid::Elements, &args)?.tensor()))
        };
        Ok([gradient("kl_mu_gradient", mu)?, gradient("kl_log_var_gradient", log_var)?])
    })
}

/// μ + e^(v/2) ε, for an ε that has no gradient.
pub(crate) fn rsample(mu: &Tensor, log_var: &Tensor, epsilon: &Tensor) -> Result<Tensor> {
    let (mu, log_var, epsilon) = (mu.contiguous()?, log_var.contiguous()?, epsilon.contiguous()?);
    let args = [Arg::Tensor(&mu), Arg::Tensor(&log_var), Arg::Tensor(&epsilon), Arg::Int(mu.elem_count())];
    let z = run("reparameterize", mu.device(), mu.shape(), Grid::Elements, &args)?;
    node3("vae_core reparameterized draw", (&mu, &log_var, &epsilon), z, |[_, log_var, epsilon], _, dz| {
        let args = [Arg::Tensor(dz), Arg::Tensor(log_var), Arg::Tensor(epsilon), Arg::Int(dz.elem_count())];
        let by_log_var = run("reparameterize_gradient", dz.device(), dz.shape(), Grid::Elements, &args)?.tensor();
        Ok([Some(dz.clone()), Some(by_log_var), None])
    })
}

/// β · mean(kl) − mean(reconstruction) with its gradient, and both means without: (B,) twice → three scalars.
pub(crate) fn weigh(reconstruction: &Tensor, kl: &Tensor, beta: f64) -> Result<[Tensor; 3]> {
    let (reconstruction, kl, count) = (reconstruction.contiguous()?, kl.contiguous()?, kl.elem_count());
    let args = || vec![Arg::Tensor(&reconstruction), Arg::Tensor(&kl), Arg::Int(count)];
    let means = run("means", kl.device(), 2, Grid::Blocks(1), &args())?.tensor();
    let mut with_beta = args();
    with_beta.push(Arg::Float(beta));
    let loss = run("weighted", kl.device(), (), Grid::Blocks(1), &with_beta)?;
    let loss = node2("vae_core weighted terms", (&reconstruction, &kl), loss, move |[_, kl], _, dy| {
        let spread = |factor: f64| -> Result<_> {
            let args = [Arg::Tensor(dy), Arg::Int(count), Arg::Float(factor / count as f64)];
            Ok(Some(run("spread", kl.device(), kl.shape(), Grid::Elements, &args)?.tensor()))
        };
        Ok([spread(-1.0)?, spread(beta)?])
    })?;
    Ok([loss, means.get(0)?, means.get(1)?])
}
