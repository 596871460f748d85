//! The next item while the present one is in use.

use std::sync::mpsc::sync_channel;

use candle_core::Device;

use super::any_thread;

/// Calls `f` with an iterator over `make(0)`, `make(1)`, … `make(count − 1)`, each made on a thread of its own while `f` works
/// with the one before. Work on a GPU stays on this thread, where its stream is.
pub(crate) fn prefetched<T: Send, R>(
    device: &Device,
    count: usize,
    make: impl Fn(usize) -> T + Sync,
    f: impl FnOnce(&mut dyn Iterator<Item = T>) -> R,
) -> R {
    if !any_thread(device) {
        return f(&mut (0..count).map(make));
    }
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        let make = &make;
        // It ends when all is sent, or when `f` has returned and nobody receives any more.
        scope.spawn(move || (0..count).all(|i| sender.send(make(i)).is_ok()));
        f(&mut receiver.into_iter())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All items come in order, and a reader who stops early ends the making.
    #[test]
    fn in_order_and_no_longer_than_wanted() {
        let all = prefetched(&Device::Cpu, 100, |i| i, |items| items.collect::<Vec<_>>());
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        let made = std::sync::atomic::AtomicUsize::new(0);
        let make = |i| {
            made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            i
        };
        assert_eq!(prefetched(&Device::Cpu, usize::MAX, make, |items| items.nth(2)), Some(2));
        assert!(made.into_inner() <= 6);
    }
}
