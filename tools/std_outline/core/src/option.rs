//! `Option`.

use crate::ops::{Deref, DerefMut};

#[lang = "Option"]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Option<T> {
    #[lang = "None"]
    None,
    #[lang = "Some"]
    Some(T),
}
impl<T> Option<T> {
    pub fn is_some(&self) -> bool { loop {} }
    pub fn is_none(&self) -> bool { loop {} }
    pub fn is_some_and(self, f: impl FnOnce(T) -> bool) -> bool { loop {} }
    pub fn is_none_or(self, f: impl FnOnce(T) -> bool) -> bool { loop {} }
    pub fn as_ref(&self) -> Option<&T> { loop {} }
    pub fn as_mut(&mut self) -> Option<&mut T> { loop {} }
    pub fn as_deref(&self) -> Option<&T::Target> where T: Deref { loop {} }
    pub fn as_deref_mut(&mut self) -> Option<&mut T::Target> where T: DerefMut { loop {} }
    pub fn expect(self, message: &str) -> T { loop {} }
    pub fn unwrap(self) -> T { loop {} }
    pub fn unwrap_or(self, default: T) -> T { loop {} }
    pub fn unwrap_or_else<F: FnOnce() -> T>(self, f: F) -> T { loop {} }
    pub fn unwrap_or_default(self) -> T where T: Default { loop {} }
    pub fn map<U, F: FnOnce(T) -> U>(self, f: F) -> Option<U> { loop {} }
    pub fn inspect<F: FnOnce(&T)>(self, f: F) -> Self { loop {} }
    pub fn map_or<U, F: FnOnce(T) -> U>(self, default: U, f: F) -> U { loop {} }
    pub fn map_or_else<U, D: FnOnce() -> U, F: FnOnce(T) -> U>(self, default: D, f: F) -> U { loop {} }
    pub fn ok_or<E>(self, error: E) -> Result<T, E> { loop {} }
    pub fn ok_or_else<E, F: FnOnce() -> E>(self, error: F) -> Result<T, E> { loop {} }
    pub fn and<U>(self, other: Option<U>) -> Option<U> { loop {} }
    pub fn and_then<U, F: FnOnce(T) -> Option<U>>(self, f: F) -> Option<U> { loop {} }
    pub fn filter<P: FnOnce(&T) -> bool>(self, predicate: P) -> Self { loop {} }
    pub fn or(self, other: Option<T>) -> Option<T> { loop {} }
    pub fn or_else<F: FnOnce() -> Option<T>>(self, f: F) -> Option<T> { loop {} }
    pub fn get_or_insert_with<F: FnOnce() -> T>(&mut self, f: F) -> &mut T { loop {} }
    pub fn insert(&mut self, value: T) -> &mut T { loop {} }
    pub fn take(&mut self) -> Option<T> { loop {} }
    pub fn replace(&mut self, value: T) -> Option<T> { loop {} }
    pub fn zip<U>(self, other: Option<U>) -> Option<(T, U)> { loop {} }
    pub fn iter(&self) -> crate::slice::Iter<'_, T> { loop {} }
}
impl<T> Option<&T> {
    pub fn copied(self) -> Option<T> where T: Copy { loop {} }
    pub fn cloned(self) -> Option<T> where T: Clone { loop {} }
}
impl<T, E> Option<Result<T, E>> {
    pub fn transpose(self) -> Result<Option<T>, E> { loop {} }
}
impl<T> Option<Option<T>> {
    pub fn flatten(self) -> Option<T> { loop {} }
}
pub struct IntoIter<T>(T);
impl<T> Iterator for IntoIter<T> { type Item = T; }
impl<T> IntoIterator for Option<T> { type Item = T; type IntoIter = IntoIter<T>; }
impl<T> From<T> for Option<T> {}
impl<A, V: FromIterator<A>> FromIterator<Option<A>> for Option<V> {}
