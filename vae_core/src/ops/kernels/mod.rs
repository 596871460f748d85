//! What the CPU paths are made of, in float32: matrix products of tiles, passes over numbers, memory that is used again.
//!
//! Plain slices in, plain slices out.

pub(crate) mod elementary;
pub(crate) mod elementwise;
pub(crate) mod scratch;
pub(crate) mod slices;
pub(crate) mod tile;
pub(crate) mod transpose;

/// Runs `f` as one task of the pool of threads: the tasks that it starts in turn find the pool awake.
pub(crate) fn in_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| f())
}
