//! `str`.

use crate::ops::Index;
use crate::slice::SliceIndex;
use crate::string::String;
use crate::vec::Vec;

pub trait FromStr: Sized {
    type Err;
    fn from_str(s: &str) -> Result<Self, Self::Err>;
}
/// What `find`, `split` and their like take: a char, a string, a set of chars, a closure.
pub trait Pattern {}
impl Pattern for char {}
impl Pattern for &str {}
impl Pattern for &String {}
impl Pattern for &[char] {}
impl<const N: usize> Pattern for [char; N] {}
impl<F: FnMut(char) -> bool> Pattern for F {}

macro_rules! iterators {
    ($($name:ident<'a> => $item:ty;)*) => { $(
        #[derive(Clone)]
        pub struct $name<'a>(&'a str);
        impl<'a> Iterator for $name<'a> { type Item = $item; }
        impl<'a> DoubleEndedIterator for $name<'a> {}
    )* };
}
iterators! {
    Chars<'a> => char;
    CharIndices<'a> => (usize, char);
    Bytes<'a> => u8;
    Split<'a> => &'a str;
}

impl str {
    pub fn len(&self) -> usize { loop {} }
    pub fn is_empty(&self) -> bool { loop {} }
    pub fn as_bytes(&self) -> &[u8] { loop {} }
    pub fn chars(&self) -> Chars<'_> { loop {} }
    pub fn char_indices(&self) -> CharIndices<'_> { loop {} }
    pub fn bytes(&self) -> Bytes<'_> { loop {} }
    pub fn lines(&self) -> Split<'_> { loop {} }
    pub fn split_whitespace(&self) -> Split<'_> { loop {} }
    pub fn split<P: Pattern>(&self, pattern: P) -> Split<'_> { loop {} }
    pub fn splitn<P: Pattern>(&self, n: usize, pattern: P) -> Split<'_> { loop {} }
    pub fn split_once<P: Pattern>(&self, pattern: P) -> Option<(&str, &str)> { loop {} }
    pub fn contains<P: Pattern>(&self, pattern: P) -> bool { loop {} }
    pub fn starts_with<P: Pattern>(&self, pattern: P) -> bool { loop {} }
    pub fn ends_with<P: Pattern>(&self, pattern: P) -> bool { loop {} }
    pub fn find<P: Pattern>(&self, pattern: P) -> Option<usize> { loop {} }
    pub fn strip_prefix<P: Pattern>(&self, pattern: P) -> Option<&str> { loop {} }
    pub fn strip_suffix<P: Pattern>(&self, pattern: P) -> Option<&str> { loop {} }
    pub fn matches<P: Pattern>(&self, pattern: P) -> Split<'_> { loop {} }
    pub fn trim(&self) -> &str { loop {} }
    pub fn trim_start(&self) -> &str { loop {} }
    pub fn trim_end(&self) -> &str { loop {} }
    pub fn trim_end_matches<P: Pattern>(&self, pattern: P) -> &str { loop {} }
    pub fn parse<F: FromStr>(&self) -> Result<F, F::Err> { loop {} }
    pub fn replace<P: Pattern>(&self, from: P, to: &str) -> String { loop {} }
    pub fn to_lowercase(&self) -> String { loop {} }
    pub fn to_uppercase(&self) -> String { loop {} }
    pub fn repeat(&self, n: usize) -> String { loop {} }
    pub fn get<I: SliceIndex<str>>(&self, index: I) -> Option<&I::Output> { loop {} }
}
impl<I: SliceIndex<str>> Index<I> for str { type Output = I::Output; }
impl PartialEq for str {}
impl Eq for str {}
impl PartialOrd for str {}
impl Ord for str {}
impl crate::hash::Hash for str {}
impl crate::fmt::Debug for str {}
impl crate::fmt::Display for str {}
impl AsRef<str> for str {}
impl AsRef<[u8]> for str {}
impl Default for &str {}
#[derive(Debug, Clone)]
pub struct Utf8Error;
impl crate::error::Error for Utf8Error {}
pub fn from_utf8(bytes: &[u8]) -> Result<&str, Utf8Error> { loop {} }
