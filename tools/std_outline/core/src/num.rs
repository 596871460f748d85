//! Numbers, `bool` and `char`: traits, operators and methods.

use crate::fmt::{Binary, Debug, Display, LowerExp, LowerHex};
use crate::ops::*;
use crate::string::String;

macro_rules! value {
    ($t:ty) => {
        impl Copy for $t {}
        impl Clone for $t {}
        impl Default for $t {}
        impl PartialEq for $t {}
        impl PartialOrd for $t {}
        impl Debug for $t {}
        impl Display for $t {}
        impl crate::str::FromStr for $t { type Err = ParseError; }
    };
}
macro_rules! operator {
    ($t:ty, $($trait:ident $assign:ident),*) => { $(
        impl $trait for $t { type Output = $t; }
        impl $trait<&$t> for $t { type Output = $t; }
        impl $trait<$t> for &$t { type Output = $t; }
        impl $trait<&$t> for &$t { type Output = $t; }
        impl $assign for $t {}
        impl $assign<&$t> for $t {}
    )* };
}
macro_rules! number {
    ($t:ty) => {
        value!($t);
        operator!($t, Add AddAssign, Sub SubAssign, Mul MulAssign, Div DivAssign, Rem RemAssign);
        impl crate::iter::Sum for $t {}
        impl<'a> crate::iter::Sum<&'a $t> for $t {}
        impl crate::iter::Product for $t {}
        impl<'a> crate::iter::Product<&'a $t> for $t {}
        impl LowerExp for $t {}
    };
}
macro_rules! integer {
    ($t:ty) => {
        number!($t);
        operator!($t, BitAnd BitAndAssign, BitOr BitOrAssign, BitXor BitXorAssign);
        impl<S> Shl<S> for $t { type Output = $t; }
        impl<S> Shr<S> for $t { type Output = $t; }
        impl<S> ShlAssign<S> for $t {}
        impl<S> ShrAssign<S> for $t {}
        impl Not for $t { type Output = $t; }
        impl Eq for $t {}
        impl Ord for $t {}
        impl crate::hash::Hash for $t {}
        impl LowerHex for $t {}
        impl Binary for $t {}
        impl crate::iter::Step for $t {}
        impl $t {
            pub const MIN: $t = 0;
            pub const MAX: $t = 0;
            pub const BITS: u32 = 0;
            pub fn pow(self, exponent: u32) -> $t { loop {} }
            pub fn abs_diff(self, other: $t) -> $t { loop {} }
            pub fn isqrt(self) -> $t { loop {} }
            pub fn ilog2(self) -> u32 { loop {} }
            pub fn ilog10(self) -> u32 { loop {} }
            pub fn count_ones(self) -> u32 { loop {} }
            pub fn leading_zeros(self) -> u32 { loop {} }
            pub fn trailing_zeros(self) -> u32 { loop {} }
            pub fn rotate_left(self, n: u32) -> $t { loop {} }
            pub fn rotate_right(self, n: u32) -> $t { loop {} }
            pub fn rem_euclid(self, other: $t) -> $t { loop {} }
            pub fn div_euclid(self, other: $t) -> $t { loop {} }
            pub fn div_ceil(self, other: $t) -> $t { loop {} }
            pub fn next_multiple_of(self, other: $t) -> $t { loop {} }
            pub fn next_power_of_two(self) -> $t { loop {} }
            pub fn is_power_of_two(self) -> bool { loop {} }
            pub fn wrapping_add(self, other: $t) -> $t { loop {} }
            pub fn wrapping_sub(self, other: $t) -> $t { loop {} }
            pub fn wrapping_mul(self, other: $t) -> $t { loop {} }
            pub fn saturating_add(self, other: $t) -> $t { loop {} }
            pub fn saturating_sub(self, other: $t) -> $t { loop {} }
            pub fn checked_add(self, other: $t) -> Option<$t> { loop {} }
            pub fn checked_sub(self, other: $t) -> Option<$t> { loop {} }
            pub fn checked_mul(self, other: $t) -> Option<$t> { loop {} }
            pub fn checked_div(self, other: $t) -> Option<$t> { loop {} }
        }
    };
}
macro_rules! signed {
    ($t:ty) => {
        impl Neg for $t { type Output = $t; }
        impl Neg for &$t { type Output = $t; }
        impl $t {
            pub fn abs(self) -> $t { loop {} }
            pub fn signum(self) -> $t { loop {} }
            pub fn is_negative(self) -> bool { loop {} }
            pub fn is_positive(self) -> bool { loop {} }
        }
    };
}
macro_rules! float {
    ($t:ident, $bits:ty) => {
        number!($t);
        signed!($t);
        impl $t {
            pub const INFINITY: $t = 0.0;
            pub const NEG_INFINITY: $t = 0.0;
            pub const NAN: $t = 0.0;
            pub const EPSILON: $t = 0.0;
            pub const MIN: $t = 0.0;
            pub const MAX: $t = 0.0;
            pub const MIN_POSITIVE: $t = 0.0;
            float! { methods $t:
                sqrt cbrt exp exp2 exp_m1 ln ln_1p log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
                floor ceil round trunc fract recip to_degrees to_radians
            }
            pub fn log(self, base: $t) -> $t { loop {} }
            pub fn powi(self, exponent: i32) -> $t { loop {} }
            pub fn powf(self, exponent: $t) -> $t { loop {} }
            pub fn max(self, other: $t) -> $t { loop {} }
            pub fn min(self, other: $t) -> $t { loop {} }
            pub fn clamp(self, min: $t, max: $t) -> $t { loop {} }
            pub fn hypot(self, other: $t) -> $t { loop {} }
            pub fn atan2(self, other: $t) -> $t { loop {} }
            pub fn mul_add(self, a: $t, b: $t) -> $t { loop {} }
            pub fn rem_euclid(self, other: $t) -> $t { loop {} }
            pub fn copysign(self, sign: $t) -> $t { loop {} }
            pub fn sin_cos(self) -> ($t, $t) { loop {} }
            pub fn is_nan(self) -> bool { loop {} }
            pub fn is_finite(self) -> bool { loop {} }
            pub fn is_infinite(self) -> bool { loop {} }
            pub fn is_sign_negative(self) -> bool { loop {} }
            pub fn to_bits(self) -> $bits { loop {} }
            pub fn from_bits(bits: $bits) -> $t { loop {} }
            pub fn total_cmp(&self, other: &$t) -> crate::cmp::Ordering { loop {} }
        }
    };
    (methods $t:ident: $($method:ident)*) => { $(
        pub fn $method(self) -> $t { loop {} }
    )* };
}

for_each_type!(integer: usize u8 u16 u32 u64 u128 isize i8 i16 i32 i64 i128);
for_each_type!(signed: isize i8 i16 i32 i64 i128);
float!(f32, u32);
float!(f64, u64);
for_each_type!(value: bool char);

impl Not for bool { type Output = bool; }
impl BitAnd for bool { type Output = bool; }
impl BitOr for bool { type Output = bool; }
impl BitXor for bool { type Output = bool; }
impl Eq for bool {}
impl Ord for bool {}
impl Eq for char {}
impl Ord for char {}
impl crate::hash::Hash for char {}
impl crate::iter::Step for char {}
#[lang = "bool"]
impl bool {
    pub fn then_some<T>(self, value: T) -> Option<T> { loop {} }
    pub fn then<T, F: FnOnce() -> T>(self, f: F) -> Option<T> { loop {} }
}
impl char {
    pub fn is_alphabetic(self) -> bool { loop {} }
    pub fn is_numeric(self) -> bool { loop {} }
    pub fn is_whitespace(self) -> bool { loop {} }
    pub fn to_digit(self, radix: u32) -> Option<u32> { loop {} }
    pub fn to_ascii_uppercase(&self) -> char { loop {} }
}

macro_rules! lossless {
    ($($from:ty => $($to:ty)*;)*) => { $($( impl From<$from> for $to {} )*)* };
}
lossless! {
    bool => u8 u16 u32 u64 usize i32 i64 f32 f64;
    u8 => u16 u32 u64 u128 usize i16 i32 i64 isize f32 f64 char;
    u16 => u32 u64 u128 usize i32 i64 f32 f64;
    u32 => u64 u128 i64 f64;
    i8 => i16 i32 i64 isize f32 f64;
    i16 => i32 i64 isize f32 f64;
    i32 => i64 f64;
    f32 => f64;
}
macro_rules! checked {
    ($($from:ty => $($to:ty)*;)*) => { $($( impl TryFrom<$from> for $to { type Error = TryFromIntError; } )*)* };
}
checked! {
    usize => u8 u16 u32 u64 i8 i16 i32 i64 isize;
    u64 => usize u8 u16 u32 i32 i64;
    u32 => usize u8 u16 i32;
    i64 => usize u8 u32 u64 i32;
    i32 => usize u8 u32 u64;
}
#[derive(Debug, Clone)]
pub struct TryFromIntError;
#[derive(Debug, Clone)]
pub struct ParseError;
impl crate::error::Error for TryFromIntError {}
impl crate::error::Error for ParseError {}
