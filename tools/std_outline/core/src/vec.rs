//! `Vec`.

use crate::boxed::Box;
use crate::ops::{Deref, DerefMut, Index, IndexMut, RangeBounds};
use crate::slice::{Iter, IterMut, SliceIndex};

#[derive(Clone, Debug, Default, PartialOrd, Eq, Ord, Hash)]
pub struct Vec<T> { buffer: *mut T, length: usize }
impl<T> Vec<T> {
    pub fn new() -> Vec<T> { loop {} }
    pub fn with_capacity(capacity: usize) -> Vec<T> { loop {} }
    pub fn capacity(&self) -> usize { loop {} }
    pub fn reserve(&mut self, additional: usize) {}
    pub fn push(&mut self, value: T) {}
    pub fn pop(&mut self) -> Option<T> { loop {} }
    pub fn insert(&mut self, index: usize, value: T) {}
    pub fn remove(&mut self, index: usize) -> T { loop {} }
    pub fn swap_remove(&mut self, index: usize) -> T { loop {} }
    pub fn retain<F: FnMut(&T) -> bool>(&mut self, f: F) {}
    pub fn truncate(&mut self, length: usize) {}
    pub fn clear(&mut self) {}
    pub fn append(&mut self, other: &mut Vec<T>) {}
    pub fn resize(&mut self, length: usize, value: T) where T: Clone {}
    pub fn extend_from_slice(&mut self, other: &[T]) where T: Clone {}
    pub fn split_off(&mut self, at: usize) -> Vec<T> { loop {} }
    pub fn drain<R: RangeBounds<usize>>(&mut self, range: R) -> IntoIter<T> { loop {} }
    pub fn dedup(&mut self) where T: PartialEq {}
    pub fn as_slice(&self) -> &[T] { loop {} }
    pub fn as_mut_slice(&mut self) -> &mut [T] { loop {} }
    pub fn into_boxed_slice(self) -> Box<[T]> { loop {} }
}
pub fn from_elem<T: Clone>(element: T, count: usize) -> Vec<T> { loop {} }
pub fn from_array<T, const N: usize>(array: [T; N]) -> Vec<T> { loop {} }
impl<T> Deref for Vec<T> { type Target = [T]; }
impl<T> DerefMut for Vec<T> {}
impl<T, I: SliceIndex<[T]>> Index<I> for Vec<T> { type Output = I::Output; }
impl<T, I: SliceIndex<[T]>> IndexMut<I> for Vec<T> {}
pub struct IntoIter<T>(T);
impl<T> Iterator for IntoIter<T> { type Item = T; }
impl<T> DoubleEndedIterator for IntoIter<T> {}
impl<T> ExactSizeIterator for IntoIter<T> {}
impl<T> IntoIterator for Vec<T> { type Item = T; type IntoIter = IntoIter<T>; }
impl<'a, T> IntoIterator for &'a Vec<T> { type Item = &'a T; type IntoIter = Iter<'a, T>; }
impl<'a, T> IntoIterator for &'a mut Vec<T> { type Item = &'a mut T; type IntoIter = IterMut<'a, T>; }
impl<T> FromIterator<T> for Vec<T> {}
impl<T> Extend<T> for Vec<T> {}
impl<'a, T: Copy> Extend<&'a T> for Vec<T> {}
impl<T: PartialEq<U>, U> PartialEq<Vec<U>> for Vec<T> {}
impl<T: PartialEq<U>, U, const N: usize> PartialEq<[U; N]> for Vec<T> {}
impl<T: PartialEq<U>, U> PartialEq<[U]> for Vec<T> {}
impl<T> AsRef<[T]> for Vec<T> {}
impl<T> crate::borrow::Borrow<[T]> for Vec<T> {}
impl<T: Clone> From<&[T]> for Vec<T> {}
impl<T, const N: usize> From<[T; N]> for Vec<T> {}
impl From<&str> for Vec<u8> {}
