//! The heap of the process, asked to keep what is freed.
//!
//! Tensors are megabytes. glibc takes such memory from the system each time and gives it back each time; every page of it
//! is a fault when it is first written to, which cost 6 µs on the machine of docs/performance.md:
//! 5 of the 19 ms of a training step of 784–400–20.
//!
//! It is a setting of the whole process, so no operation makes it by the way: a program asks for it, by way of
//! [`best_device`](crate::best_device) or of a training.

/// Asks once; other allocators than glibc's keep memory by themselves. A user who has set glibc's own variables
/// (`MALLOC_TRIM_THRESHOLD_`, `MALLOC_MMAP_THRESHOLD_`, `GLIBC_TUNABLES`) is not overruled.
pub(crate) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::sync::Once;

        /// The largest that glibc takes: blocks from this size on still come from the system.
        const FROM_SYSTEM: libc::c_int = 32 << 20;
        /// How much free memory at the end of the heap is kept.
        const KEPT: libc::c_int = 256 << 20;
        static ASK: Once = Once::new();

        ASK.call_once(|| {
            let variables = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"];
            if variables.iter().any(|name| std::env::var_os(name).is_some()) {
                return;
            }
            // SAFETY: `mallopt` takes two integers and reads no memory of ours. It locks the allocator while it writes two
            // of its settings, so other threads may allocate meanwhile; memory in use is not touched.
            #[allow(unsafe_code)]
            unsafe {
                libc::mallopt(libc::M_MMAP_THRESHOLD, FROM_SYSTEM);
                libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
            }
        });
    }
}
