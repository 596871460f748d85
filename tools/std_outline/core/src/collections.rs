//! Maps, sets, queues.

use crate::borrow::Borrow;
use crate::ops::Index;
use crate::slice::Iter;
use crate::vec::IntoIter;

pub struct RandomState;

macro_rules! maps {
    ($($name:ident<K, V $(, $s:ident = $default:ty)?>)*) => { $(
        #[derive(Clone, Debug, Default)]
        pub struct $name<K, V $(, $s = $default)?>(K, V $(, $s)?);
        impl<K, V> $name<K, V> {
            pub fn new() -> $name<K, V> { loop {} }
            pub fn len(&self) -> usize { loop {} }
            pub fn is_empty(&self) -> bool { loop {} }
            pub fn insert(&mut self, key: K, value: V) -> Option<V> { loop {} }
            pub fn get<Q: ?Sized>(&self, key: &Q) -> Option<&V> where K: Borrow<Q> { loop {} }
            pub fn get_mut<Q: ?Sized>(&mut self, key: &Q) -> Option<&mut V> where K: Borrow<Q> { loop {} }
            pub fn contains_key<Q: ?Sized>(&self, key: &Q) -> bool where K: Borrow<Q> { loop {} }
            pub fn remove<Q: ?Sized>(&mut self, key: &Q) -> Option<V> where K: Borrow<Q> { loop {} }
            pub fn entry(&mut self, key: K) -> Entry<'_, K, V> { loop {} }
            pub fn keys(&self) -> Iter<'_, K> { loop {} }
            pub fn values(&self) -> Iter<'_, V> { loop {} }
            pub fn iter(&self) -> MapIter<'_, K, V> { loop {} }
        }
        impl<K, V> IntoIterator for $name<K, V> { type Item = (K, V); type IntoIter = IntoIter<(K, V)>; }
        impl<'a, K, V> IntoIterator for &'a $name<K, V> { type Item = (&'a K, &'a V); type IntoIter = MapIter<'a, K, V>; }
        impl<K, V> FromIterator<(K, V)> for $name<K, V> {}
        impl<K, V, const N: usize> From<[(K, V); N]> for $name<K, V> {}
        impl<K: Borrow<Q>, Q: ?Sized, V> Index<&Q> for $name<K, V> { type Output = V; }
    )* };
}
maps! { HashMap<K, V, S = RandomState> BTreeMap<K, V> }
pub struct MapIter<'a, K, V>(&'a K, &'a V);
impl<'a, K, V> Iterator for MapIter<'a, K, V> { type Item = (&'a K, &'a V); }
pub struct Entry<'a, K, V>(&'a K, &'a mut V);
impl<'a, K, V> Entry<'a, K, V> {
    pub fn or_insert(self, value: V) -> &'a mut V { loop {} }
    pub fn or_insert_with<F: FnOnce() -> V>(self, f: F) -> &'a mut V { loop {} }
    pub fn or_default(self) -> &'a mut V { loop {} }
}

macro_rules! sets {
    ($($name:ident<T $(, $s:ident = $default:ty)?>)*) => { $(
        #[derive(Clone, Debug, Default)]
        pub struct $name<T $(, $s = $default)?>(T $(, $s)?);
        impl<T> $name<T> {
            pub fn new() -> $name<T> { loop {} }
            pub fn len(&self) -> usize { loop {} }
            pub fn is_empty(&self) -> bool { loop {} }
            pub fn insert(&mut self, value: T) -> bool { loop {} }
            pub fn contains<Q: ?Sized>(&self, value: &Q) -> bool where T: Borrow<Q> { loop {} }
            pub fn iter(&self) -> Iter<'_, T> { loop {} }
        }
        impl<T> IntoIterator for $name<T> { type Item = T; type IntoIter = IntoIter<T>; }
        impl<'a, T> IntoIterator for &'a $name<T> { type Item = &'a T; type IntoIter = Iter<'a, T>; }
        impl<T> FromIterator<T> for $name<T> {}
        impl<T> Extend<T> for $name<T> {}
        impl<T, const N: usize> From<[T; N]> for $name<T> {}
    )* };
}
sets! { HashSet<T, S = RandomState> BTreeSet<T> BinaryHeap<T> }
#[derive(Clone, Debug, Default)]
pub struct VecDeque<T>(T);
impl<T> VecDeque<T> {
    pub fn new() -> VecDeque<T> { loop {} }
    pub fn len(&self) -> usize { loop {} }
    pub fn push_back(&mut self, value: T) {}
    pub fn push_front(&mut self, value: T) {}
    pub fn pop_back(&mut self) -> Option<T> { loop {} }
    pub fn pop_front(&mut self) -> Option<T> { loop {} }
    pub fn iter(&self) -> Iter<'_, T> { loop {} }
}
impl<T> FromIterator<T> for VecDeque<T> {}
