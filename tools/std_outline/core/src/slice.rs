//! Slices and arrays.

use crate::cmp::Ordering;
use crate::fmt::Debug;
use crate::ops::*;
use crate::string::String;
use crate::vec::Vec;

pub unsafe trait SliceIndex<T: ?Sized> {
    type Output: ?Sized;
}
unsafe impl<T> SliceIndex<[T]> for usize { type Output = T; }
macro_rules! ranges {
    ($($range:ty),*) => { $(
        unsafe impl<T> SliceIndex<[T]> for $range { type Output = [T]; }
        unsafe impl SliceIndex<str> for $range { type Output = str; }
    )* };
}
ranges!(RangeFull, Range<usize>, RangeFrom<usize>, RangeTo<usize>, RangeInclusive<usize>, RangeToInclusive<usize>);
impl<T, I: SliceIndex<[T]>> Index<I> for [T] { type Output = I::Output; }
impl<T, I: SliceIndex<[T]>> IndexMut<I> for [T] {}
impl<T, I: SliceIndex<[T]>, const N: usize> Index<I> for [T; N] { type Output = I::Output; }
impl<T, I: SliceIndex<[T]>, const N: usize> IndexMut<I> for [T; N] {}

macro_rules! iterators {
    ($($name:ident<'a, T> => $item:ty;)*) => { $(
        pub struct $name<'a, T>(&'a T);
        impl<'a, T> Clone for $name<'a, T> {}
        impl<'a, T> Iterator for $name<'a, T> { type Item = $item; }
        impl<'a, T> DoubleEndedIterator for $name<'a, T> {}
        impl<'a, T> ExactSizeIterator for $name<'a, T> {}
    )* };
}
iterators! {
    Iter<'a, T> => &'a T;
    IterMut<'a, T> => &'a mut T;
    Chunks<'a, T> => &'a [T];
    ChunksMut<'a, T> => &'a mut [T];
}

#[lang = "slice"]
impl<T> [T] {
    #[lang = "slice_len_fn"]
    pub fn len(&self) -> usize { loop {} }
    pub fn is_empty(&self) -> bool { loop {} }
    pub fn first(&self) -> Option<&T> { loop {} }
    pub fn first_mut(&mut self) -> Option<&mut T> { loop {} }
    pub fn last(&self) -> Option<&T> { loop {} }
    pub fn last_mut(&mut self) -> Option<&mut T> { loop {} }
    pub fn split_first(&self) -> Option<(&T, &[T])> { loop {} }
    pub fn split_last(&self) -> Option<(&T, &[T])> { loop {} }
    pub fn get<I: SliceIndex<[T]>>(&self, index: I) -> Option<&I::Output> { loop {} }
    pub fn get_mut<I: SliceIndex<[T]>>(&mut self, index: I) -> Option<&mut I::Output> { loop {} }
    pub fn swap(&mut self, a: usize, b: usize) {}
    pub fn reverse(&mut self) {}
    pub fn iter(&self) -> Iter<'_, T> { loop {} }
    pub fn iter_mut(&mut self) -> IterMut<'_, T> { loop {} }
    pub fn windows(&self, size: usize) -> Chunks<'_, T> { loop {} }
    pub fn chunks(&self, size: usize) -> Chunks<'_, T> { loop {} }
    pub fn chunks_exact(&self, size: usize) -> Chunks<'_, T> { loop {} }
    pub fn chunks_mut(&mut self, size: usize) -> ChunksMut<'_, T> { loop {} }
    pub fn chunks_exact_mut(&mut self, size: usize) -> ChunksMut<'_, T> { loop {} }
    pub fn split_at(&self, middle: usize) -> (&[T], &[T]) { loop {} }
    pub fn split_at_mut(&mut self, middle: usize) -> (&mut [T], &mut [T]) { loop {} }
    pub fn contains(&self, value: &T) -> bool where T: PartialEq { loop {} }
    pub fn starts_with(&self, needle: &[T]) -> bool where T: PartialEq { loop {} }
    pub fn fill(&mut self, value: T) where T: Clone {}
    pub fn copy_from_slice(&mut self, source: &[T]) where T: Copy {}
    pub fn clone_from_slice(&mut self, source: &[T]) where T: Clone {}
    pub fn binary_search(&self, value: &T) -> Result<usize, usize> where T: Ord { loop {} }
    pub fn partition_point<P: FnMut(&T) -> bool>(&self, predicate: P) -> usize { loop {} }
    pub fn sort(&mut self) where T: Ord {}
    pub fn sort_by<F: FnMut(&T, &T) -> Ordering>(&mut self, compare: F) {}
    pub fn sort_by_key<K: Ord, F: FnMut(&T) -> K>(&mut self, key: F) {}
    pub fn sort_unstable(&mut self) where T: Ord {}
    pub fn sort_unstable_by<F: FnMut(&T, &T) -> Ordering>(&mut self, compare: F) {}
    pub fn rotate_left(&mut self, n: usize) {}
    pub fn to_vec(&self) -> Vec<T> where T: Clone { loop {} }
    pub fn into_vec(self: crate::boxed::Box<Self>) -> Vec<T> { loop {} }
    pub fn repeat(&self, n: usize) -> Vec<T> where T: Copy { loop {} }
    pub fn concat<Item: ?Sized>(&self) -> <Self as Concat<Item>>::Output where Self: Concat<Item> { loop {} }
    pub fn join<Separator>(&self, separator: Separator) -> <Self as Join<Separator>>::Output
    where Self: Join<Separator> { loop {} }
}
pub trait Concat<Item: ?Sized> { type Output; }
pub trait Join<Separator> { type Output; }
impl<S: crate::borrow::Borrow<str>> Concat<str> for [S] { type Output = String; }
impl<T: Clone, V: crate::borrow::Borrow<[T]>> Concat<T> for [V] { type Output = Vec<T>; }
impl<S: crate::borrow::Borrow<str>> Join<&str> for [S] { type Output = String; }

impl<T: Clone, const N: usize> Clone for [T; N] {}
impl<T: Copy, const N: usize> Copy for [T; N] {}
impl<T: Default, const N: usize> Default for [T; N] {}
impl<T: PartialEq<U>, U> PartialEq<[U]> for [T] {}
impl<T: PartialEq<U>, U, const N: usize> PartialEq<[U; N]> for [T; N] {}
impl<T: PartialEq<U>, U, const N: usize> PartialEq<[U; N]> for [T] {}
impl<T: Debug> Debug for [T] {}
impl<T: Debug, const N: usize> Debug for [T; N] {}
impl<T> AsRef<[T]> for [T] {}
impl<T, const N: usize> AsRef<[T]> for [T; N] {}
impl<T, const N: usize> crate::borrow::Borrow<[T]> for [T; N] {}
impl<T, const N: usize> [T; N] {
    pub fn map<U, F: FnMut(T) -> U>(self, f: F) -> [U; N] { loop {} }
    pub fn as_slice(&self) -> &[T] { loop {} }
}
impl<T, const N: usize> IntoIterator for [T; N] { type Item = T; type IntoIter = crate::vec::IntoIter<T>; }
impl<'a, T, const N: usize> IntoIterator for &'a [T; N] { type Item = &'a T; type IntoIter = Iter<'a, T>; }
impl<'a, T, const N: usize> IntoIterator for &'a mut [T; N] { type Item = &'a mut T; type IntoIter = IterMut<'a, T>; }
impl<'a, T> IntoIterator for &'a [T] { type Item = &'a T; type IntoIter = Iter<'a, T>; }
impl<'a, T> IntoIterator for &'a mut [T] { type Item = &'a mut T; type IntoIter = IterMut<'a, T>; }
impl<T, const N: usize> TryFrom<&[T]> for [T; N] { type Error = TryFromSliceError; }
impl<T, const N: usize> TryFrom<Vec<T>> for [T; N] { type Error = Vec<T>; }
#[derive(Debug, Clone)]
pub struct TryFromSliceError;
