//! The layers on the CPU in float32: forward, and backward by hand.
//!
//! Plain slices in, plain slices out; the operations that candle sees are made of these in [`crate::nn`] and
//! [`crate::dist`].

use std::sync::Once;

pub(crate) mod bernoulli;
pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod gaussian;
pub(crate) mod heap;
pub(crate) mod linear;
pub(crate) mod scratch;
pub(crate) mod slices;
pub(crate) mod tile;
pub(crate) mod transpose;

/// Runs `f` as one task of a pool of threads: the tasks that it starts in turn find the pool awake.
///
/// The first thread that comes here is itself one of a pool from then on. Any other uses rayon's own pool: it has to wake a
/// thread there for each call, and to be woken when that is done, which takes longer than many an operation.
pub(crate) fn in_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    static FIRST: Once = Once::new();
    if rayon::current_thread_index().is_none() {
        FIRST.call_once(|| {
            let threads = rayon::current_num_threads();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build();
            // A pool that could not be built is not needed: rayon's own does the same work.
            std::mem::forget(pool);
        });
    }
    rayon::scope(|_| f())
}
