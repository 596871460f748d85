//! An outline of Rust's standard library: types and signatures, hardly a body. It is never compiled.
//!
//! evcxr asks rust-analyzer for the type of every `let`, and rust-analyzer needs the sources of the standard library to
//! see through `?`, `vec!`, a closure or an iterator. They are a component of their own (`rust-src`), which a plain
//! installation of Rust lacks. `kernel_launcher.py` offers this outline in their place, and only then. What is missing
//! here costs an explicit type in a cell ("Couldn't automatically determine type"), never a wrong result: rustc compiles
//! the cell against the real library.
//!
//! Everything is in this one crate, because only here may methods be added to built-in types; `std` re-exports it under
//! the names that programs use. Which `lang` items there must be is given by the release of rust-analyzer in evcxr.

#![rustc_coherence_is_core]
#![feature(lang_items)]
#![no_core]

#[macro_use]
mod macros;

pub mod marker {
    #[lang = "pointee_sized"]
    #[fundamental]
    pub trait PointeeSized {}
    #[lang = "meta_sized"]
    #[fundamental]
    pub trait MetaSized: PointeeSized {}
    #[lang = "sized"]
    #[fundamental]
    pub trait Sized: MetaSized {}
    #[lang = "unsize"]
    pub trait Unsize<T: PointeeSized>: PointeeSized {}
    #[lang = "tuple_trait"]
    pub trait Tuple {}
    #[lang = "destruct"]
    pub trait Destruct {}
    #[lang = "copy"]
    pub trait Copy: Clone {}
    #[rustc_builtin_macro]
    pub macro Copy($item:item) {}
    pub unsafe auto trait Send {}
    #[lang = "sync"]
    pub unsafe auto trait Sync {}
    #[lang = "unpin"]
    pub auto trait Unpin {}
    #[lang = "phantom_data"]
    pub struct PhantomData<T: PointeeSized>;
    impl<T: PointeeSized> Copy for *const T {}
    impl<T: PointeeSized> Copy for *mut T {}
    impl<T: PointeeSized> Copy for &T {}
    impl Copy for ! {}
}

pub mod clone {
    #[lang = "clone"]
    pub trait Clone: Sized {
        fn clone(&self) -> Self;
    }
    #[rustc_builtin_macro]
    pub macro Clone($item:item) {}
    impl<T: ?Sized> Clone for &T {}
    impl<T: ?Sized> Clone for *const T {}
    impl<T: ?Sized> Clone for *mut T {}
}

pub mod default {
    pub trait Default: Sized {
        fn default() -> Self;
    }
    #[rustc_builtin_macro(Default, attributes(default))]
    pub macro Default($item:item) {}
}

pub mod cmp {
    #[lang = "eq"]
    pub trait PartialEq<Rhs: ?Sized = Self> {
        fn eq(&self, other: &Rhs) -> bool;
        fn ne(&self, other: &Rhs) -> bool;
    }
    pub trait Eq: PartialEq<Self> {}
    #[lang = "partial_ord"]
    pub trait PartialOrd<Rhs: ?Sized = Self>: PartialEq<Rhs> {
        fn partial_cmp(&self, other: &Rhs) -> Option<Ordering>;
    }
    pub trait Ord: Eq + PartialOrd<Self> {
        fn cmp(&self, other: &Self) -> Ordering;
        fn max(self, other: Self) -> Self;
        fn min(self, other: Self) -> Self;
        fn clamp(self, min: Self, max: Self) -> Self;
    }
    #[derive(Clone, Copy)]
    pub enum Ordering { Less = -1, Equal = 0, Greater = 1 }
    impl Ordering {
        pub fn reverse(self) -> Ordering { loop {} }
        pub fn then(self, other: Ordering) -> Ordering { loop {} }
    }
    pub struct Reverse<T>(pub T);
    #[rustc_builtin_macro]
    pub macro PartialEq($item:item) {}
    #[rustc_builtin_macro]
    pub macro Eq($item:item) {}
    #[rustc_builtin_macro]
    pub macro PartialOrd($item:item) {}
    #[rustc_builtin_macro]
    pub macro Ord($item:item) {}
    pub fn max<T: Ord>(a: T, b: T) -> T { loop {} }
    pub fn min<T: Ord>(a: T, b: T) -> T { loop {} }
}

pub mod hash {
    pub trait Hasher {}
    pub trait Hash {}
    pub struct BuildHasherDefault;
    pub(crate) mod derive {
        #[rustc_builtin_macro]
        pub macro Hash($item:item) {}
    }
    pub use derive::Hash;
}

pub mod convert {
    pub enum Infallible {}
    pub trait From<T>: Sized {
        fn from(value: T) -> Self;
    }
    pub trait Into<T>: Sized {
        fn into(self) -> T;
    }
    impl<T, U: From<T>> Into<U> for T {
        fn into(self) -> U { loop {} }
    }
    impl<T> From<T> for T {
        fn from(value: T) -> T { value }
    }
    pub trait TryFrom<T>: Sized {
        type Error;
        fn try_from(value: T) -> Result<Self, Self::Error>;
    }
    pub trait TryInto<T>: Sized {
        type Error;
        fn try_into(self) -> Result<T, Self::Error>;
    }
    impl<T, U: TryFrom<T>> TryInto<U> for T {
        type Error = U::Error;
        fn try_into(self) -> Result<U, U::Error> { loop {} }
    }
    pub trait AsRef<T: ?Sized> {
        fn as_ref(&self) -> &T;
    }
    pub trait AsMut<T: ?Sized> {
        fn as_mut(&mut self) -> &mut T;
    }
}

pub mod borrow {
    pub trait Borrow<Borrowed: ?Sized> {
        fn borrow(&self) -> &Borrowed;
    }
    pub trait BorrowMut<Borrowed: ?Sized>: Borrow<Borrowed> {
        fn borrow_mut(&mut self) -> &mut Borrowed;
    }
    impl<T: ?Sized> Borrow<T> for T {}
    impl<T: ?Sized> Borrow<T> for &T {}
    impl<T: ?Sized> Borrow<T> for &mut T {}
    impl<T: ?Sized> BorrowMut<T> for T {}
    pub trait ToOwned {
        type Owned;
        fn to_owned(&self) -> Self::Owned;
    }
    impl<T: Clone> ToOwned for T { type Owned = T; }
    impl ToOwned for str { type Owned = crate::string::String; }
    impl<T: Clone> ToOwned for [T] { type Owned = crate::vec::Vec<T>; }
    pub enum Cow<'a, B: ?Sized + ToOwned + 'a> { Borrowed(&'a B), Owned(<B as ToOwned>::Owned) }
    impl<'a, B: ?Sized + ToOwned> Cow<'a, B> {
        pub fn into_owned(self) -> <B as ToOwned>::Owned { loop {} }
    }
    impl<'a, B: ?Sized + ToOwned> crate::ops::Deref for Cow<'a, B> { type Target = B; }
}

pub mod mem {
    pub fn drop<T>(value: T) {}
    pub fn replace<T>(target: &mut T, value: T) -> T { loop {} }
    pub fn take<T: Default>(target: &mut T) -> T { loop {} }
    pub fn swap<T>(a: &mut T, b: &mut T) {}
    pub fn size_of<T>() -> usize { loop {} }
    pub fn size_of_val<T: ?Sized>(value: &T) -> usize { loop {} }
}

pub mod any {
    pub trait Any {}
    pub fn type_name<T: ?Sized>() -> &'static str { loop {} }
    pub fn type_name_of_val<T: ?Sized>(value: &T) -> &'static str { loop {} }
}

pub mod hint {
    pub fn black_box<T>(value: T) -> T { value }
}

pub mod error {
    pub trait Error: crate::fmt::Debug + crate::fmt::Display {
        fn source(&self) -> Option<&(dyn Error + 'static)> { None }
    }
    impl<'a, E: Error + 'a> From<E> for crate::boxed::Box<dyn Error + 'a> {}
    impl<'a, E: Error + Send + Sync + 'a> From<E> for crate::boxed::Box<dyn Error + Send + Sync + 'a> {}
    impl<'a> From<&str> for crate::boxed::Box<dyn Error + 'a> {}
    impl<'a> From<crate::string::String> for crate::boxed::Box<dyn Error + 'a> {}
}

pub mod cell {
    pub struct Cell<T: ?Sized>(T);
    impl<T> Cell<T> {
        pub fn new(value: T) -> Cell<T> { loop {} }
        pub fn get(&self) -> T { loop {} }
        pub fn set(&self, value: T) {}
    }
    pub struct RefCell<T: ?Sized>(T);
    pub struct Ref<'a, T: ?Sized>(&'a T);
    pub struct RefMut<'a, T: ?Sized>(&'a mut T);
    impl<T> RefCell<T> {
        pub fn new(value: T) -> RefCell<T> { loop {} }
        pub fn borrow(&self) -> Ref<'_, T> { loop {} }
        pub fn borrow_mut(&self) -> RefMut<'_, T> { loop {} }
        pub fn into_inner(self) -> T { loop {} }
    }
    impl<T: ?Sized> crate::ops::Deref for Ref<'_, T> { type Target = T; }
    impl<T: ?Sized> crate::ops::Deref for RefMut<'_, T> { type Target = T; }
    pub struct OnceCell<T>(T);
}

pub mod pin {
    #[lang = "pin"]
    #[fundamental]
    pub struct Pin<Ptr> { pointer: Ptr }
}

pub mod future {
    #[lang = "future_trait"]
    pub trait Future {
        #[lang = "future_output"]
        type Output;
    }
    #[lang = "into_future"]
    pub trait IntoFuture {
        type Output;
        type IntoFuture: Future<Output = Self::Output>;
    }
}

pub mod time {
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
    pub struct Duration(u64);
    impl Duration {
        pub const ZERO: Duration = loop {};
        pub fn from_secs(seconds: u64) -> Duration { loop {} }
        pub fn from_millis(milliseconds: u64) -> Duration { loop {} }
        pub fn from_secs_f64(seconds: f64) -> Duration { loop {} }
        pub fn as_secs(&self) -> u64 { loop {} }
        pub fn as_millis(&self) -> u128 { loop {} }
        pub fn as_micros(&self) -> u128 { loop {} }
        pub fn as_nanos(&self) -> u128 { loop {} }
        pub fn as_secs_f32(&self) -> f32 { loop {} }
        pub fn as_secs_f64(&self) -> f64 { loop {} }
        pub fn subsec_millis(&self) -> u32 { loop {} }
    }
    impl crate::ops::Add for Duration { type Output = Duration; }
    impl crate::ops::Sub for Duration { type Output = Duration; }
    impl crate::ops::Mul<u32> for Duration { type Output = Duration; }
    impl crate::ops::Div<u32> for Duration { type Output = Duration; }
    impl crate::iter::Sum for Duration {}
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
    pub struct Instant(u64);
    impl Instant {
        pub fn now() -> Instant { loop {} }
        pub fn elapsed(&self) -> Duration { loop {} }
        pub fn duration_since(&self, earlier: Instant) -> Duration { loop {} }
    }
    impl crate::ops::Sub for Instant { type Output = Duration; }
    impl crate::ops::Add<Duration> for Instant { type Output = Instant; }
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
    pub struct SystemTime(u64);
    impl SystemTime {
        pub fn now() -> SystemTime { loop {} }
    }
}

pub mod boxed;
pub mod collections;
pub mod fmt;
pub mod io;
pub mod iter;
pub mod num;
pub mod ops;
pub mod option;
pub mod path;
pub mod result;
pub mod slice;
pub mod str;
pub mod string;
pub mod vec;

pub mod prelude {
    pub mod v1 {
        pub use crate::{
            assert, assert_eq, assert_ne, dbg, debug_assert, debug_assert_eq, eprint, eprintln, format, format_args, matches,
            panic, print, println, todo, unimplemented, unreachable, vec, write, writeln,
            boxed::Box,
            borrow::ToOwned,
            clone::Clone,
            cmp::{Eq, Ord, PartialEq, PartialOrd},
            convert::{AsMut, AsRef, From, Into, TryFrom, TryInto},
            default::Default,
            fmt::derive::Debug,
            hash::derive::Hash,
            iter::{DoubleEndedIterator, ExactSizeIterator, Extend, FromIterator, IntoIterator, Iterator},
            macros::builtin::derive,
            marker::{Copy, Send, Sized, Sync, Unpin},
            mem::{drop, size_of, size_of_val},
            ops::{Drop, Fn, FnMut, FnOnce},
            option::Option::{self, None, Some},
            result::Result::{self, Err, Ok},
            string::{String, ToString},
            vec::Vec,
        };
    }
    pub mod rust_2015 {
        pub use super::v1::*;
    }
    pub mod rust_2018 {
        pub use super::v1::*;
    }
    pub mod rust_2021 {
        pub use super::v1::*;
    }
    pub mod rust_2024 {
        pub use super::v1::*;
    }
}

#[prelude_import]
#[allow(unused)]
use prelude::v1::*;
