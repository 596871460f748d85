//! `Result`.

use crate::ops::Deref;

#[lang = "Result"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Result<T, E> {
    #[lang = "Ok"]
    Ok(T),
    #[lang = "Err"]
    Err(E),
}
impl<T, E> Result<T, E> {
    pub fn is_ok(&self) -> bool { loop {} }
    pub fn is_err(&self) -> bool { loop {} }
    pub fn ok(self) -> Option<T> { loop {} }
    pub fn err(self) -> Option<E> { loop {} }
    pub fn as_ref(&self) -> Result<&T, &E> { loop {} }
    pub fn as_mut(&mut self) -> Result<&mut T, &mut E> { loop {} }
    pub fn as_deref(&self) -> Result<&T::Target, &E> where T: Deref { loop {} }
    pub fn map<U, F: FnOnce(T) -> U>(self, f: F) -> Result<U, E> { loop {} }
    pub fn map_or<U, F: FnOnce(T) -> U>(self, default: U, f: F) -> U { loop {} }
    pub fn map_err<O, F: FnOnce(E) -> O>(self, f: F) -> Result<T, O> { loop {} }
    pub fn and_then<U, F: FnOnce(T) -> Result<U, E>>(self, f: F) -> Result<U, E> { loop {} }
    pub fn or_else<O, F: FnOnce(E) -> Result<T, O>>(self, f: F) -> Result<T, O> { loop {} }
    pub fn unwrap(self) -> T where E: crate::fmt::Debug { loop {} }
    pub fn expect(self, message: &str) -> T where E: crate::fmt::Debug { loop {} }
    pub fn unwrap_err(self) -> E where T: crate::fmt::Debug { loop {} }
    pub fn expect_err(self, message: &str) -> E where T: crate::fmt::Debug { loop {} }
    pub fn unwrap_or(self, default: T) -> T { loop {} }
    pub fn unwrap_or_else<F: FnOnce(E) -> T>(self, f: F) -> T { loop {} }
    pub fn unwrap_or_default(self) -> T where T: Default { loop {} }
    pub fn iter(&self) -> crate::slice::Iter<'_, T> { loop {} }
}
impl<T, E> Result<&T, E> {
    pub fn copied(self) -> Result<T, E> where T: Copy { loop {} }
    pub fn cloned(self) -> Result<T, E> where T: Clone { loop {} }
}
impl<T, E> Result<Option<T>, E> {
    pub fn transpose(self) -> Option<Result<T, E>> { loop {} }
}
impl<T, E> IntoIterator for Result<T, E> { type Item = T; type IntoIter = crate::option::IntoIter<T>; }
impl<A, E, V: FromIterator<A>> FromIterator<Result<A, E>> for Result<V, E> {}
impl<T, U: crate::iter::Sum<T>, E> crate::iter::Sum<Result<T, E>> for Result<U, E> {}
