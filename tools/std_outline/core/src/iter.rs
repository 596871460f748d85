//! Iterators and their adaptors.

use crate::cmp::Ordering;
use crate::ops::{Range, RangeFrom, RangeInclusive};

pub trait Sum<A = Self>: Sized {
    fn sum<I: Iterator<Item = A>>(iter: I) -> Self;
}
pub trait Product<A = Self>: Sized {
    fn product<I: Iterator<Item = A>>(iter: I) -> Self;
}
pub trait FromIterator<A>: Sized {
    fn from_iter<T: IntoIterator<Item = A>>(iter: T) -> Self;
}
pub trait Extend<A> {
    fn extend<T: IntoIterator<Item = A>>(&mut self, iter: T);
}
pub trait IntoIterator {
    type Item;
    type IntoIter: Iterator<Item = Self::Item>;
    #[lang = "into_iter"]
    fn into_iter(self) -> Self::IntoIter;
}
impl<I: Iterator> IntoIterator for I { type Item = I::Item; type IntoIter = I; }

#[lang = "iterator"]
pub trait Iterator {
    type Item;
    #[lang = "next"]
    fn next(&mut self) -> Option<Self::Item>;
    fn size_hint(&self) -> (usize, Option<usize>) { loop {} }
    fn count(self) -> usize where Self: Sized { loop {} }
    fn last(self) -> Option<Self::Item> where Self: Sized { loop {} }
    fn nth(&mut self, n: usize) -> Option<Self::Item> { loop {} }
    fn step_by(self, step: usize) -> StepBy<Self> where Self: Sized { loop {} }
    fn chain<U: IntoIterator<Item = Self::Item>>(self, other: U) -> Chain<Self, U::IntoIter> where Self: Sized { loop {} }
    fn zip<U: IntoIterator>(self, other: U) -> Zip<Self, U::IntoIter> where Self: Sized { loop {} }
    fn map<B, F: FnMut(Self::Item) -> B>(self, f: F) -> Map<Self, F> where Self: Sized { loop {} }
    fn for_each<F: FnMut(Self::Item)>(self, f: F) where Self: Sized { loop {} }
    fn filter<P: FnMut(&Self::Item) -> bool>(self, predicate: P) -> Filter<Self, P> where Self: Sized { loop {} }
    fn filter_map<B, F: FnMut(Self::Item) -> Option<B>>(self, f: F) -> FilterMap<Self, F> where Self: Sized { loop {} }
    fn enumerate(self) -> Enumerate<Self> where Self: Sized { loop {} }
    fn peekable(self) -> Peekable<Self> where Self: Sized { loop {} }
    fn skip_while<P: FnMut(&Self::Item) -> bool>(self, predicate: P) -> Filter<Self, P> where Self: Sized { loop {} }
    fn take_while<P: FnMut(&Self::Item) -> bool>(self, predicate: P) -> Filter<Self, P> where Self: Sized { loop {} }
    fn skip(self, n: usize) -> Skip<Self> where Self: Sized { loop {} }
    fn take(self, n: usize) -> Take<Self> where Self: Sized { loop {} }
    fn scan<S, B, F: FnMut(&mut S, Self::Item) -> Option<B>>(self, state: S, f: F) -> Scan<Self, S, F> where Self: Sized { loop {} }
    fn flat_map<U: IntoIterator, F: FnMut(Self::Item) -> U>(self, f: F) -> FlatMap<Self, U, F> where Self: Sized { loop {} }
    fn flatten(self) -> Flatten<Self> where Self: Sized, Self::Item: IntoIterator { loop {} }
    fn inspect<F: FnMut(&Self::Item)>(self, f: F) -> Filter<Self, F> where Self: Sized { loop {} }
    fn by_ref(&mut self) -> &mut Self where Self: Sized { loop {} }
    fn collect<B: FromIterator<Self::Item>>(self) -> B where Self: Sized { loop {} }
    fn partition<B: Default + Extend<Self::Item>, F: FnMut(&Self::Item) -> bool>(self, f: F) -> (B, B) where Self: Sized { loop {} }
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, f: F) -> B where Self: Sized { loop {} }
    fn try_fold<B, F: FnMut(B, Self::Item) -> R, R: crate::ops::Try<Output = B>>(&mut self, init: B, f: F) -> R where Self: Sized { loop {} }
    fn reduce<F: FnMut(Self::Item, Self::Item) -> Self::Item>(self, f: F) -> Option<Self::Item> where Self: Sized { loop {} }
    fn all<F: FnMut(Self::Item) -> bool>(&mut self, f: F) -> bool where Self: Sized { loop {} }
    fn any<F: FnMut(Self::Item) -> bool>(&mut self, f: F) -> bool where Self: Sized { loop {} }
    fn find<P: FnMut(&Self::Item) -> bool>(&mut self, predicate: P) -> Option<Self::Item> where Self: Sized { loop {} }
    fn find_map<B, F: FnMut(Self::Item) -> Option<B>>(&mut self, f: F) -> Option<B> where Self: Sized { loop {} }
    fn position<P: FnMut(Self::Item) -> bool>(&mut self, predicate: P) -> Option<usize> where Self: Sized { loop {} }
    fn max(self) -> Option<Self::Item> where Self: Sized, Self::Item: Ord { loop {} }
    fn min(self) -> Option<Self::Item> where Self: Sized, Self::Item: Ord { loop {} }
    fn max_by_key<B: Ord, F: FnMut(&Self::Item) -> B>(self, f: F) -> Option<Self::Item> where Self: Sized { loop {} }
    fn min_by_key<B: Ord, F: FnMut(&Self::Item) -> B>(self, f: F) -> Option<Self::Item> where Self: Sized { loop {} }
    fn max_by<F: FnMut(&Self::Item, &Self::Item) -> Ordering>(self, compare: F) -> Option<Self::Item> where Self: Sized { loop {} }
    fn min_by<F: FnMut(&Self::Item, &Self::Item) -> Ordering>(self, compare: F) -> Option<Self::Item> where Self: Sized { loop {} }
    fn rev(self) -> Rev<Self> where Self: Sized + DoubleEndedIterator { loop {} }
    fn unzip<A, B, FromA: Default + Extend<A>, FromB: Default + Extend<B>>(self) -> (FromA, FromB)
    where Self: Sized + Iterator<Item = (A, B)> { loop {} }
    fn copied<'a, T: 'a + Copy>(self) -> Copied<Self> where Self: Sized + Iterator<Item = &'a T> { loop {} }
    fn cloned<'a, T: 'a + Clone>(self) -> Copied<Self> where Self: Sized + Iterator<Item = &'a T> { loop {} }
    fn cycle(self) -> Cycle<Self> where Self: Sized + Clone { loop {} }
    fn sum<S: Sum<Self::Item>>(self) -> S where Self: Sized { loop {} }
    fn product<P: Product<Self::Item>>(self) -> P where Self: Sized { loop {} }
    fn eq<I: IntoIterator>(self, other: I) -> bool where Self: Sized { loop {} }
}
pub trait DoubleEndedIterator: Iterator {
    fn next_back(&mut self) -> Option<Self::Item>;
}
pub trait ExactSizeIterator: Iterator {
    fn len(&self) -> usize { loop {} }
}
impl<I: Iterator + ?Sized> Iterator for &mut I { type Item = I::Item; }
impl<I: Iterator + ?Sized> Iterator for crate::boxed::Box<I> { type Item = I::Item; }

/// Adaptors over `I` that hand on its items as they are, and can be walked from both ends.
macro_rules! same_items {
    ($($name:ident<I $(, $p:ident)*>)*) => { $(
        #[derive(Clone)]
        pub struct $name<I $(, $p)*>(I $(, $p)*);
        impl<I: Iterator $(, $p)*> Iterator for $name<I $(, $p)*> { type Item = I::Item; }
        impl<I: DoubleEndedIterator $(, $p)*> DoubleEndedIterator for $name<I $(, $p)*> {}
        impl<I: ExactSizeIterator $(, $p)*> ExactSizeIterator for $name<I $(, $p)*> {}
    )* };
}
same_items! { StepBy<I> Chain<I, U> Filter<I, P> Peekable<I> Skip<I> Take<I> Rev<I> Cycle<I> }
impl<I: Iterator> Peekable<I> {
    pub fn peek(&mut self) -> Option<&I::Item> { loop {} }
}

/// Adaptors whose items are others than those of the iterator beneath.
macro_rules! other_items {
    ($([$($generics:tt)*] $name:ident<$($p:ident),*> => $item:ty;)*) => { $(
        #[derive(Clone)]
        pub struct $name<$($p),*>($($p),*);
        impl<$($generics)*> Iterator for $name<$($p),*> { type Item = $item; }
        impl<$($generics)*> DoubleEndedIterator for $name<$($p),*> {}
        impl<$($generics)*> ExactSizeIterator for $name<$($p),*> {}
    )* };
}
other_items! {
    [B, I: Iterator, F: FnMut(I::Item) -> B] Map<I, F> => B;
    [B, I: Iterator, F: FnMut(I::Item) -> Option<B>] FilterMap<I, F> => B;
    [I: Iterator] Enumerate<I> => (usize, I::Item);
    [A: Iterator, B: Iterator] Zip<A, B> => (A::Item, B::Item);
    [B, S, I: Iterator, F: FnMut(&mut S, I::Item) -> Option<B>] Scan<I, S, F> => B;
    [I: Iterator, U: IntoIterator, F: FnMut(I::Item) -> U] FlatMap<I, U, F> => U::Item;
    ['a, T: 'a, I: Iterator<Item = &'a T>] Copied<I> => T;
    [T, F: FnMut() -> Option<T>] FromFn<F> => T;
    [A, F: FnMut() -> A] RepeatWith<F> => A;
    [T, F: FnMut(&T) -> Option<T>] Successors<T, F> => T;
    [T] Repeat<T> => T;
    [T] Once<T> => T;
    [T] Empty<T> => T;
}
pub struct Flatten<I>(I);
impl<I: Iterator> Iterator for Flatten<I> where I::Item: IntoIterator { type Item = <I::Item as IntoIterator>::Item; }
pub fn from_fn<T, F: FnMut() -> Option<T>>(f: F) -> FromFn<F> { loop {} }
pub fn repeat_with<A, F: FnMut() -> A>(f: F) -> RepeatWith<F> { loop {} }
pub fn successors<T, F: FnMut(&T) -> Option<T>>(first: Option<T>, f: F) -> Successors<T, F> { loop {} }
pub fn repeat<T: Clone>(value: T) -> Repeat<T> { loop {} }
pub fn repeat_n<T: Clone>(value: T, count: usize) -> Repeat<T> { loop {} }
pub fn once<T>(value: T) -> Once<T> { loop {} }
pub fn empty<T>() -> Empty<T> { loop {} }
pub fn zip<A: IntoIterator, B: IntoIterator>(a: A, b: B) -> Zip<A::IntoIter, B::IntoIter> { loop {} }

pub trait Step {}
impl<T: Step> Iterator for Range<T> { type Item = T; }
impl<T: Step> Iterator for RangeFrom<T> { type Item = T; }
impl<T: Step> Iterator for RangeInclusive<T> { type Item = T; }
impl<T: Step> DoubleEndedIterator for Range<T> {}
impl<T: Step> DoubleEndedIterator for RangeInclusive<T> {}
impl<T: Step> ExactSizeIterator for Range<T> {}
impl<T: Step> ExactSizeIterator for RangeInclusive<T> {}

macro_rules! tuple_traits {
    ($(($($t:ident)*))*) => { $(
        impl<$($t: Clone),*> Clone for ($($t,)*) {}
        impl<$($t: Copy),*> Copy for ($($t,)*) {}
        impl<$($t: PartialEq),*> PartialEq for ($($t,)*) {}
        impl<$($t: Eq),*> Eq for ($($t,)*) {}
        impl<$($t: PartialOrd),*> PartialOrd for ($($t,)*) {}
        impl<$($t: Ord),*> Ord for ($($t,)*) {}
        impl<$($t: Default),*> Default for ($($t,)*) {}
        impl<$($t: crate::fmt::Debug),*> crate::fmt::Debug for ($($t,)*) {}
        impl<$($t: crate::hash::Hash),*> crate::hash::Hash for ($($t,)*) {}
    )* };
}
tuple_traits! { () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }
impl<A, B, ExtendA: Extend<A>, ExtendB: Extend<B>> Extend<(A, B)> for (ExtendA, ExtendB) {}
