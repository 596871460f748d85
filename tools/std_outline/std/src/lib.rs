//! The outline of `core` (see there) under the names of `std`.

#![no_core]

pub use core::{
    any, assert, assert_eq, assert_ne, borrow, boxed::self, cell, clone, cmp, convert, dbg, debug_assert, debug_assert_eq, default,
    eprint, eprintln, error, fmt, format, format_args, future, hash, hint, io, io::env, io::fs, io::panic, io::thread, iter,
    marker, matches, mem, num, ops, option, panic, path, pin, prelude, print, println, result, slice, str, string, time, todo,
    unimplemented, unreachable, vec, write, writeln,
};

pub mod collections {
    pub use core::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
}
pub mod rc {
    pub use core::boxed::Rc;
}
pub mod sync {
    pub use core::boxed::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
}
pub mod ffi {
    pub use core::path::{OsStr, OsString};
}
pub mod f32 {
    pub mod consts {
        pub const PI: f32 = 0.0;
        pub const TAU: f32 = 0.0;
        pub const E: f32 = 0.0;
        pub const LN_2: f32 = 0.0;
        pub const SQRT_2: f32 = 0.0;
    }
}
pub mod f64 {
    pub mod consts {
        pub const PI: f64 = 0.0;
        pub const TAU: f64 = 0.0;
        pub const E: f64 = 0.0;
        pub const LN_2: f64 = 0.0;
        pub const SQRT_2: f64 = 0.0;
    }
}
