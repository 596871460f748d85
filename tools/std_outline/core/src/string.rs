//! `String`.

use crate::ops::{Add, AddAssign, Deref, DerefMut, Index};
use crate::slice::SliceIndex;
use crate::vec::Vec;

#[lang = "String"]
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct String { bytes: Vec<u8> }
impl String {
    pub fn new() -> String { loop {} }
    pub fn with_capacity(capacity: usize) -> String { loop {} }
    pub fn from_utf8(bytes: Vec<u8>) -> Result<String, crate::str::Utf8Error> { loop {} }
    pub fn from_utf8_lossy(bytes: &[u8]) -> crate::borrow::Cow<'_, str> { loop {} }
    pub fn as_str(&self) -> &str { loop {} }
    pub fn into_bytes(self) -> Vec<u8> { loop {} }
    pub fn push(&mut self, c: char) {}
    pub fn push_str(&mut self, s: &str) {}
    pub fn pop(&mut self) -> Option<char> { loop {} }
    pub fn clear(&mut self) {}
    pub fn truncate(&mut self, length: usize) {}
}
impl Deref for String { type Target = str; }
impl DerefMut for String {}
impl<I: SliceIndex<str>> Index<I> for String { type Output = I::Output; }
impl Add<&str> for String { type Output = String; }
impl AddAssign<&str> for String {}
impl crate::fmt::Display for String {}
impl crate::fmt::Write for String {}
impl crate::str::FromStr for String { type Err = crate::convert::Infallible; }
impl crate::borrow::Borrow<str> for String {}
impl AsRef<str> for String {}
impl AsRef<[u8]> for String {}
impl PartialEq<str> for String {}
impl PartialEq<&str> for String {}
impl PartialEq<String> for &str {}
impl From<&str> for String {}
impl From<char> for String {}
impl From<&String> for String {}
impl From<crate::borrow::Cow<'_, str>> for String {}
impl FromIterator<char> for String {}
impl<'a> FromIterator<&'a str> for String {}
impl FromIterator<String> for String {}
impl Extend<char> for String {}
impl<'a> Extend<&'a str> for String {}

pub trait ToString {
    fn to_string(&self) -> String;
}
impl<T: crate::fmt::Display + ?Sized> ToString for T {}
pub fn format(arguments: crate::fmt::Arguments<'_>) -> String { loop {} }
