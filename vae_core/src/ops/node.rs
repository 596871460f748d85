//! An operation of candle's whose result is there already, with a gradient written as a closure.

use std::sync::{Mutex, PoisonError};

use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Shape, Storage, Tensor, op::BackpropOp,
};

use super::no_grad;
use crate::{Error, Result};

/// The float32 numbers of a result, not yet a tensor.
pub(crate) struct Output {
    pub(super) storage: Storage,
    pub(super) shape: Shape,
}

impl Output {
    /// Numbers on the CPU, as many as the shape holds.
    pub(crate) fn on_cpu(numbers: Vec<f32>, shape: impl Into<Shape>) -> Self {
        Self { storage: Storage::Cpu(CpuStorage::F32(numbers)), shape: shape.into() }
    }

    /// A tensor that depends on nothing.
    pub(crate) fn tensor(self) -> Tensor {
        Tensor::from_storage(self.storage, self.shape, BackpropOp::none(), false)
    }
}

/// From the arguments, the result and its gradient, the gradients of the arguments.
type Backward<const N: usize> =
    Box<dyn Fn([&Tensor; N], &Tensor, &Tensor) -> Result<[Option<Tensor>; N]> + Send + Sync>;

struct Node<const N: usize> {
    name: &'static str,
    result: Mutex<Option<Storage>>,
    shape: Shape,
    backward: Backward<N>,
}

impl<const N: usize> Node<N> {
    fn new(
        name: &'static str,
        y: Output,
        backward: impl Fn([&Tensor; N], &Tensor, &Tensor) -> Result<[Option<Tensor>; N]> + Send + Sync + 'static,
    ) -> Self {
        Self { name, result: Mutex::new(Some(y.storage)), shape: y.shape, backward: Box::new(backward) }
    }

    fn take(&self) -> Result<Storage> {
        let mut result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        result.take().ok_or_else(|| Error::argument(format!("{} was run twice", self.name)))
    }

    fn cpu(&self) -> candle_core::Result<(CpuStorage, Shape)> {
        match self.take()? {
            Storage::Cpu(storage) => Ok((storage, self.shape.clone())),
            _ => candle_core::bail!("{} was not computed on the CPU", self.name),
        }
    }

    fn cuda(&self) -> candle_core::Result<(CudaStorage, Shape)> {
        match self.take()? {
            Storage::Cuda(storage) => Ok((storage, self.shape.clone())),
            _ => candle_core::bail!("{} was not computed on a CUDA device", self.name),
        }
    }

    /// The closure sees arguments and result without their history: gradients of gradients are nobody's business here.
    fn backward(&self, args: [&Tensor; N], y: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; N]> {
        (self.backward)(args, &y.detach(), &dy.contiguous()?)
    }
}

/// `y`, which was computed from `x`, with the gradient of `backward`.
pub(crate) fn node1(
    name: &'static str,
    x: &Tensor,
    y: Output,
    backward: impl Fn([&Tensor; 1], &Tensor, &Tensor) -> Result<[Option<Tensor>; 1]> + Send + Sync + 'static,
) -> Result<Tensor> {
    if no_grad::active() {
        return Ok(y.tensor());
    }
    Ok(x.apply_op1(Node::new(name, y, backward))?)
}

/// `y`, which was computed from `a` and `b`, with the gradients of `backward`.
pub(crate) fn node2(
    name: &'static str,
    (a, b): (&Tensor, &Tensor),
    y: Output,
    backward: impl Fn([&Tensor; 2], &Tensor, &Tensor) -> Result<[Option<Tensor>; 2]> + Send + Sync + 'static,
) -> Result<Tensor> {
    if no_grad::active() {
        return Ok(y.tensor());
    }
    Ok(a.apply_op2(b, Node::new(name, y, backward))?)
}

/// `y`, which was computed from `a`, `b` and `c`, with the gradients of `backward`.
pub(crate) fn node3(
    name: &'static str,
    (a, b, c): (&Tensor, &Tensor, &Tensor),
    y: Output,
    backward: impl Fn([&Tensor; 3], &Tensor, &Tensor) -> Result<[Option<Tensor>; 3]> + Send + Sync + 'static,
) -> Result<Tensor> {
    if no_grad::active() {
        return Ok(y.tensor());
    }
    Ok(a.apply_op3(b, c, Node::new(name, y, backward))?)
}

macro_rules! operation {
    ($trait:ident, $n:literal, ($($storage:ident, $layout:ident, $arg:ident),*), $gradients:ty, $all:expr) => {
        impl $trait for Node<$n> {
            fn name(&self) -> &'static str {
                self.name
            }

            fn cpu_fwd(&self, $($storage: &CpuStorage, $layout: &Layout),*) -> candle_core::Result<(CpuStorage, Shape)> {
                self.cpu()
            }

            fn cuda_fwd(&self, $($storage: &CudaStorage, $layout: &Layout),*) -> candle_core::Result<(CudaStorage, Shape)> {
                self.cuda()
            }

            fn bwd(&self, $($arg: &Tensor,)* y: &Tensor, dy: &Tensor) -> candle_core::Result<$gradients> {
                let [$($arg),*] = self.backward([$($arg),*], y, dy)?;
                Ok($all)
            }
        }
    };
}

operation!(CustomOp1, 1, (_s1, _l1, a), Option<Tensor>, a);
operation!(CustomOp2, 2, (_s1, _l1, a, _s2, _l2, b), (Option<Tensor>, Option<Tensor>), (a, b));
operation!(
    CustomOp3,
    3,
    (_s1, _l1, a, _s2, _l2, b, _s3, _l3, c),
    (Option<Tensor>, Option<Tensor>, Option<Tensor>),
    (a, b, c)
);
