//! Memory that is used again, step after step.
//!
//! A step of training needs megabytes for a moment. Fresh from the system they cost a page fault for every 4 KiB, from the
//! heap they have to be filled with zeros first, and either takes as long as many of the products that are put there.
//! And what begins at a multiple of [`ALIGNMENT`] is loaded in whole lines of the cache: a vector of AVX-512 that lies
//! across two of them takes twice as long to load, which costs a matrix product a fifth of its speed.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many numbers wait at most for their next use: 256 MiB of them.
const WAITING: usize = 1 << 26;

/// Bytes of a line of the cache.
const ALIGNMENT: usize = 64;

/// Numbers that may have to be left out for the first one to be aligned.
const SLACK: usize = ALIGNMENT / size_of::<f32>() - 1;

static POOL: Mutex<Vec<Vec<f32>>> = Mutex::new(vec![]);

/// What a mutex guards, buffers or lists of them: a thread that panicked while it held the lock left whole ones.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Numbers to write to before they are read: what is there is left from an earlier use. Aligned. Goes back when dropped.
#[derive(Default)]
pub(crate) struct Scratch {
    /// All of it, so that none is ever filled again.
    buffer: Vec<f32>,
    start: usize,
    len: usize,
}

impl Scratch {
    /// `len` numbers, from the smallest buffer that has room for them.
    pub(crate) fn new(len: usize) -> Self {
        let enough = len + SLACK;
        // One that is far too large would be missing where it is needed.
        let fits = |buffer: &Vec<f32>| (enough..=enough + len / 4).contains(&buffer.len());
        let mut pool = lock(&POOL);
        let best = (0..pool.len()).filter(|&i| fits(&pool[i])).min_by_key(|&i| pool[i].len());
        let reused = best.map(|i| pool.swap_remove(i));
        drop(pool);
        let mut buffer = reused.unwrap_or_else(|| vec![0.0; enough]);
        if cfg!(test) {
            buffer.fill(f32::NAN);
        }
        // `align_offset` may decline to answer, which costs speed and nothing else.
        let start = buffer.as_ptr().align_offset(ALIGNMENT).min(SLACK);
        Self { buffer, start, len }
    }

    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut scratch = Self::new(len);
        scratch.fill(0.0);
        scratch
    }

    /// A copy of these numbers.
    pub(crate) fn copy(from: &[f32]) -> Self {
        let mut scratch = Self::new(from.len());
        scratch.copy_from_slice(from);
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut pool = lock(&POOL);
        let waiting: usize = pool.iter().map(Vec::len).sum();
        if !self.buffer.is_empty() && waiting + self.buffer.len() <= WAITING {
            pool.push(std::mem::take(&mut self.buffer));
        }
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[self.start..][..self.len]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.start..][..self.len]
    }
}
