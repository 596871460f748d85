//! What can be plotted: numbers, pairs and triples of them, owned or borrowed.

/// A number that has a place on an axis: any of Rust's usual ones, or a reference to one.
pub trait Number {
    /// The number as an `f64`.
    fn number(&self) -> f64;
}

macro_rules! numbers {
    ($($type:ty),*) => { $(impl Number for $type {
        fn number(&self) -> f64 {
            *self as f64
        }
    })* };
}

numbers!(f32, f64, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl<T: Number + ?Sized> Number for &T {
    fn number(&self) -> f64 {
        (**self).number()
    }
}

/// A pair (x, y).
pub trait Point {
    /// x and y.
    fn point(&self) -> [f64; 2];
}

impl<X: Number, Y: Number> Point for (X, Y) {
    fn point(&self) -> [f64; 2] {
        [self.0.number(), self.1.number()]
    }
}

impl<X: Number> Point for [X; 2] {
    fn point(&self) -> [f64; 2] {
        [self[0].number(), self[1].number()]
    }
}

impl<T: Point + ?Sized> Point for &T {
    fn point(&self) -> [f64; 2] {
        (**self).point()
    }
}

/// A triple: (x, low, high) of a band, or (x, y, error).
pub trait Triple {
    /// The three numbers.
    fn triple(&self) -> [f64; 3];
}

impl<X: Number, Y: Number, Z: Number> Triple for (X, Y, Z) {
    fn triple(&self) -> [f64; 3] {
        [self.0.number(), self.1.number(), self.2.number()]
    }
}

impl<T: Triple + ?Sized> Triple for &T {
    fn triple(&self) -> [f64; 3] {
        (**self).triple()
    }
}
