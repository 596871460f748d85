//! `+ - * /` between formulas, tensors, variables, numbers and results, and the minus sign.

use std::{
    ops::{Add, Div, Mul, Neg, Sub},
    sync::Arc,
};

use candle_core::{Tensor, Var};

use super::Formula;
use crate::{Error, Result};

const RULE: &str = "from the right, dimensions must be equal, or 1 on one side";

/// Whether two shapes broadcast to one.
fn broadcast(a: &[usize], b: &[usize]) -> bool {
    a.iter().rev().zip(b.iter().rev()).all(|(m, n)| m == n || *m == 1 || *n == 1)
}

/// An operation on two formulas: the first error of the two, or that of their shapes or types, or the result.
pub(super) fn pair(
    name: &str,
    a: Formula,
    b: Formula,
    fit: impl FnOnce(&[usize], &[usize]) -> bool,
    rule: &str,
    f: impl FnOnce(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
) -> Formula {
    let problem = |text: String| Arc::new(Error::argument(format!("a formula's {name}: {text}")));
    Formula(a.0.and_then(|a| {
        let b = b.0?;
        if a.dtype() != b.dtype() {
            let (a, b) = (a.dtype(), b.dtype());
            return Err(problem(format!("the numbers are {a:?} and {b:?}; convert one of them with .to_dtype(…)")));
        }
        if !fit(a.dims(), b.dims()) {
            return Err(problem(format!("the shapes {:?} and {:?} do not fit: {rule}", a.dims(), b.dims())));
        }
        f(&a, &b).map_err(|error| problem(format!("of {:?} and {:?}: {error}", a.dims(), b.dims())))
    }))
}

/// An operator between formulas and whatever becomes one, on both sides.
macro_rules! operator {
    ($trait:ident, $method:ident, $sign:literal, $plain:ident, $broadcast:ident) => {
        impl<T: Into<Formula>> $trait<T> for Formula {
            type Output = Formula;
            fn $method(self, other: T) -> Formula {
                pair($sign, self, other.into(), broadcast, RULE, |a, b| {
                    if a.dims() == b.dims() { a.$plain(b) } else { a.$broadcast(b) }
                })
            }
        }

        impl<T: Into<Formula>> $trait<T> for &Formula {
            type Output = Formula;
            fn $method(self, other: T) -> Formula {
                self.clone().$method(other)
            }
        }

        operator!($trait, $method; Tensor, &Tensor, &Var, Result<Tensor>, candle_core::Result<Tensor>);
    };
    ($trait:ident, $method:ident; $($left:ty),*) => {$(
        impl $trait<Formula> for $left {
            type Output = Formula;
            fn $method(self, other: Formula) -> Formula {
                Formula::from(self).$method(other)
            }
        }

        impl $trait<&Formula> for $left {
            type Output = Formula;
            fn $method(self, other: &Formula) -> Formula {
                Formula::from(self).$method(other)
            }
        }
    )*};
}

operator!(Add, add, "+", add, broadcast_add);
operator!(Sub, sub, "-", sub, broadcast_sub);
operator!(Mul, mul, "*", mul, broadcast_mul);
operator!(Div, div, "/", div, broadcast_div);

/// Numbers: $right makes x ∘ c of (x, c), $left makes c ∘ x.
macro_rules! number {
    ($trait:ident, $method:ident, $sign:literal, $right:expr, $left:expr) => {
        impl $trait<f64> for Formula {
            type Output = Formula;
            fn $method(self, c: f64) -> Formula {
                let right: fn(&Tensor, f64) -> candle_core::Result<Tensor> = $right;
                self.then(concat!($sign, " with a number"), |x| right(x, c))
            }
        }

        impl $trait<f64> for &Formula {
            type Output = Formula;
            fn $method(self, c: f64) -> Formula {
                self.clone().$method(c)
            }
        }

        impl $trait<Formula> for f64 {
            type Output = Formula;
            fn $method(self, x: Formula) -> Formula {
                let left: fn(&Tensor, f64) -> candle_core::Result<Tensor> = $left;
                x.then(concat!("number ", $sign), |x| left(x, self))
            }
        }

        impl $trait<&Formula> for f64 {
            type Output = Formula;
            fn $method(self, x: &Formula) -> Formula {
                self.$method(x.clone())
            }
        }
    };
}

number!(Add, add, "+", |x, c| x.affine(1.0, c), |x, c| x.affine(1.0, c));
number!(Sub, sub, "-", |x, c| x.affine(1.0, -c), |x, c| x.affine(-1.0, c));
number!(Mul, mul, "*", |x, c| x.affine(c, 0.0), |x, c| x.affine(c, 0.0));
number!(Div, div, "/", |x, c| x.affine(1.0 / c, 0.0), |x, c| x.recip()?.affine(c, 0.0));

impl Neg for Formula {
    type Output = Formula;
    fn neg(self) -> Formula {
        self.then("minus", Tensor::neg)
    }
}

impl Neg for &Formula {
    type Output = Formula;
    fn neg(self) -> Formula {
        -self.clone()
    }
}
