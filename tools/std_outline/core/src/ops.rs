//! Operators, ranges, closures, `?`.

use crate::convert::Infallible;
use crate::marker::{PointeeSized, Tuple, Unsize};

macro_rules! binary {
    ($($trait:ident $method:ident $lang:literal, $assign:ident $assign_method:ident $assign_lang:literal;)*) => { $(
        #[lang = $lang]
        pub trait $trait<Rhs = Self> {
            type Output;
            fn $method(self, rhs: Rhs) -> Self::Output;
        }
        #[lang = $assign_lang]
        pub trait $assign<Rhs = Self> {
            fn $assign_method(&mut self, rhs: Rhs);
        }
    )* };
}
binary! {
    Add add "add", AddAssign add_assign "add_assign";
    Sub sub "sub", SubAssign sub_assign "sub_assign";
    Mul mul "mul", MulAssign mul_assign "mul_assign";
    Div div "div", DivAssign div_assign "div_assign";
    Rem rem "rem", RemAssign rem_assign "rem_assign";
    BitAnd bitand "bitand", BitAndAssign bitand_assign "bitand_assign";
    BitOr bitor "bitor", BitOrAssign bitor_assign "bitor_assign";
    BitXor bitxor "bitxor", BitXorAssign bitxor_assign "bitxor_assign";
    Shl shl "shl", ShlAssign shl_assign "shl_assign";
    Shr shr "shr", ShrAssign shr_assign "shr_assign";
}
#[lang = "neg"]
pub trait Neg {
    type Output;
    fn neg(self) -> Self::Output;
}
#[lang = "not"]
pub trait Not {
    type Output;
    fn not(self) -> Self::Output;
}

#[lang = "deref"]
pub trait Deref: PointeeSized {
    #[lang = "deref_target"]
    type Target: ?Sized;
    fn deref(&self) -> &Self::Target;
}
impl<T: PointeeSized> Deref for &T { type Target = T; }
impl<T: PointeeSized> Deref for &mut T { type Target = T; }
#[lang = "deref_mut"]
pub trait DerefMut: Deref + PointeeSized {
    fn deref_mut(&mut self) -> &mut Self::Target;
}
#[lang = "receiver"]
pub trait Receiver: PointeeSized {
    #[lang = "receiver_target"]
    type Target: ?Sized;
}
impl<P: PointeeSized + Deref<Target = T>, T: PointeeSized> Receiver for P { type Target = T; }
#[lang = "drop"]
pub trait Drop {
    fn drop(&mut self);
}
#[lang = "coerce_unsized"]
pub trait CoerceUnsized<T> {}
impl<'a, T: PointeeSized + Unsize<U>, U: PointeeSized> CoerceUnsized<&'a mut U> for &'a mut T {}
impl<'a, 'b: 'a, T: PointeeSized + Unsize<U>, U: PointeeSized> CoerceUnsized<&'a U> for &'b mut T {}
impl<'a, 'b: 'a, T: PointeeSized + Unsize<U>, U: PointeeSized> CoerceUnsized<&'a U> for &'b T {}

#[lang = "index"]
pub trait Index<Idx: ?Sized> {
    type Output: ?Sized;
    fn index(&self, index: Idx) -> &Self::Output;
}
#[lang = "index_mut"]
pub trait IndexMut<Idx: ?Sized>: Index<Idx> {
    fn index_mut(&mut self, index: Idx) -> &mut Self::Output;
}

#[lang = "RangeFull"]
#[derive(Clone, Copy)]
pub struct RangeFull;
#[lang = "Range"]
#[derive(Clone, PartialEq)]
pub struct Range<Idx> { pub start: Idx, pub end: Idx }
#[lang = "RangeFrom"]
#[derive(Clone)]
pub struct RangeFrom<Idx> { pub start: Idx }
#[lang = "RangeTo"]
#[derive(Clone, Copy)]
pub struct RangeTo<Idx> { pub end: Idx }
#[lang = "RangeInclusive"]
#[derive(Clone)]
pub struct RangeInclusive<Idx> { start: Idx, end: Idx, exhausted: bool }
#[lang = "RangeToInclusive"]
#[derive(Clone, Copy)]
pub struct RangeToInclusive<Idx> { pub end: Idx }
pub enum Bound<T> { Included(T), Excluded(T), Unbounded }
pub trait RangeBounds<T: ?Sized> {
    fn contains<U: ?Sized>(&self, item: &U) -> bool;
}
impl<T: ?Sized> RangeBounds<T> for RangeFull {}
impl<T> RangeBounds<T> for Range<T> {}
impl<T> RangeBounds<T> for RangeFrom<T> {}
impl<T> RangeBounds<T> for RangeTo<T> {}
impl<T> RangeBounds<T> for RangeInclusive<T> {}
impl<T> RangeBounds<T> for RangeToInclusive<T> {}
impl<Idx> Range<Idx> {
    pub fn contains<U: ?Sized>(&self, item: &U) -> bool { loop {} }
    pub fn is_empty(&self) -> bool { loop {} }
}
impl<Idx> RangeInclusive<Idx> {
    pub fn new(start: Idx, end: Idx) -> Self { loop {} }
    pub fn contains<U: ?Sized>(&self, item: &U) -> bool { loop {} }
    pub fn start(&self) -> &Idx { loop {} }
    pub fn end(&self) -> &Idx { loop {} }
}

#[lang = "fn"]
#[fundamental]
#[rustc_paren_sugar]
pub trait Fn<Args: Tuple>: FnMut<Args> {
    extern "rust-call" fn call(&self, args: Args) -> Self::Output;
}
#[lang = "fn_mut"]
#[fundamental]
#[rustc_paren_sugar]
pub trait FnMut<Args: Tuple>: FnOnce<Args> {
    extern "rust-call" fn call_mut(&mut self, args: Args) -> Self::Output;
}
#[lang = "fn_once"]
#[fundamental]
#[rustc_paren_sugar]
pub trait FnOnce<Args: Tuple> {
    #[lang = "fn_once_output"]
    type Output;
    extern "rust-call" fn call_once(self, args: Args) -> Self::Output;
}
impl<A: Tuple, F: ?Sized + Fn<A>> Fn<A> for &F {}
impl<A: Tuple, F: ?Sized + Fn<A>> FnMut<A> for &F {}
impl<A: Tuple, F: ?Sized + Fn<A>> FnOnce<A> for &F { type Output = F::Output; }
impl<A: Tuple, F: ?Sized + FnMut<A>> FnMut<A> for &mut F {}
impl<A: Tuple, F: ?Sized + FnMut<A>> FnOnce<A> for &mut F { type Output = F::Output; }

pub enum ControlFlow<B, C = ()> {
    #[lang = "Continue"]
    Continue(C),
    #[lang = "Break"]
    Break(B),
}
#[lang = "Try"]
pub trait Try: FromResidual<Self::Residual> {
    type Output;
    type Residual;
    #[lang = "from_output"]
    fn from_output(output: Self::Output) -> Self;
    #[lang = "branch"]
    fn branch(self) -> ControlFlow<Self::Residual, Self::Output>;
}
pub trait FromResidual<R = <Self as Try>::Residual> {
    #[lang = "from_residual"]
    fn from_residual(residual: R) -> Self;
}
impl<T> Try for Option<T> {
    type Output = T;
    type Residual = Option<Infallible>;
}
impl<T> FromResidual for Option<T> {}
impl<T, E> Try for Result<T, E> {
    type Output = T;
    type Residual = Result<Infallible, E>;
}
impl<T, E, F: From<E>> FromResidual<Result<Infallible, E>> for Result<T, F> {}
