//! Owning pointers: `Box`, `Rc`, `Arc`; and what guards shared data.

use crate::marker::Unsize;
use crate::ops::{CoerceUnsized, Deref, DerefMut};

#[lang = "owned_box"]
#[fundamental]
pub struct Box<T: ?Sized>(*mut T);
impl<T> Box<T> {
    pub fn new(value: T) -> Box<T> { loop {} }
}
impl<T: ?Sized> DerefMut for Box<T> {}
impl<Args: crate::marker::Tuple, F: FnOnce<Args> + ?Sized> FnOnce<Args> for Box<F> { type Output = F::Output; }
impl<Args: crate::marker::Tuple, F: FnMut<Args> + ?Sized> FnMut<Args> for Box<F> {}
impl<Args: crate::marker::Tuple, F: Fn<Args> + ?Sized> Fn<Args> for Box<F> {}

pub struct Rc<T: ?Sized>(*mut T);
impl<T> Rc<T> {
    pub fn new(value: T) -> Rc<T> { loop {} }
}
pub struct Arc<T: ?Sized>(*mut T);
impl<T> Arc<T> {
    pub fn new(value: T) -> Arc<T> { loop {} }
}
impl<T: ?Sized> Arc<T> {
    pub fn strong_count(this: &Arc<T>) -> usize { loop {} }
    pub fn ptr_eq(this: &Arc<T>, other: &Arc<T>) -> bool { loop {} }
}

macro_rules! pointers {
    ($($name:ident)*) => { $(
        impl<T: ?Sized> Deref for $name<T> { type Target = T; }
        impl<T: ?Sized + Unsize<U>, U: ?Sized> CoerceUnsized<$name<U>> for $name<T> {}
        impl<T: ?Sized + Clone> Clone for $name<T> {}
        impl<T: ?Sized + crate::fmt::Debug> crate::fmt::Debug for $name<T> {}
        impl<T: ?Sized + crate::fmt::Display> crate::fmt::Display for $name<T> {}
        impl<T: ?Sized> AsRef<T> for $name<T> {}
        impl<T: Default> Default for $name<T> {}
        impl<T> From<T> for $name<T> {}
    )* };
}
pointers! { Box Rc Arc }

pub struct PoisonError<T>(T);
pub struct Mutex<T: ?Sized>(T);
pub struct MutexGuard<'a, T: ?Sized>(&'a T);
impl<T> Mutex<T> {
    pub fn new(value: T) -> Mutex<T> { loop {} }
    pub fn lock(&self) -> Result<MutexGuard<'_, T>, PoisonError<MutexGuard<'_, T>>> { loop {} }
}
impl<T: ?Sized> Deref for MutexGuard<'_, T> { type Target = T; }
impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {}
pub struct RwLock<T: ?Sized>(T);
impl<T> RwLock<T> {
    pub fn new(value: T) -> RwLock<T> { loop {} }
    pub fn read(&self) -> Result<MutexGuard<'_, T>, PoisonError<MutexGuard<'_, T>>> { loop {} }
    pub fn write(&self) -> Result<MutexGuard<'_, T>, PoisonError<MutexGuard<'_, T>>> { loop {} }
}
impl<T> crate::fmt::Debug for PoisonError<T> {}
pub struct OnceLock<T>(T);
pub struct LazyLock<T, F = fn() -> T>(T, F);
impl<T, F> Deref for LazyLock<T, F> { type Target = T; }
