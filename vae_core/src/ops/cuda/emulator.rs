//! The kernels on the CPU, for tests: the text of `kernels.cu` compiled as C++ and called with the very arguments of a launch.

use std::{
    cell::Cell,
    ffi::{CString, c_char, c_void},
    io::{Write, stderr},
    process::Command,
    sync::OnceLock,
};

use super::launch::Value;
use crate::{Error, Result};

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread's CPU tensors go the way of CUDA tensors.
pub(crate) fn is_on() -> bool {
    ON.get()
}

/// Runs `f` with the emulator on.
pub(crate) fn emulate(f: &mut dyn FnMut()) {
    ON.set(true);
    f();
    ON.set(false);
}

/// Whether there is a C++ compiler; says so if not.
pub(crate) fn works() -> bool {
    let works = Command::new(compiler()).arg("--version").output().is_ok();
    if !works {
        // Not `println!`, which the test harness keeps to itself when the test passes.
        let _ = writeln!(stderr(), "skipped: no C++ compiler ({}) to run the CUDA kernels on the CPU with", compiler());
    }
    works
}

fn compiler() -> String {
    std::env::var("CXX").unwrap_or_else(|_| "c++".into())
}

type Emulate = unsafe extern "C" fn(*const c_char, u32, u32, *const *const c_void, *const usize, usize) -> bool;

/// `emulate` of `emulator.cpp`, compiled when first asked for.
fn library() -> Emulate {
    static LIBRARY: OnceLock<Emulate> = OnceLock::new();
    *LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("emulator.so");
        // Cargo runs tests in the crate's folder.
        let source = "src/ops/cuda/emulator.cpp";
        let command = ["-O1", "-shared", "-fPIC", "-x", "c++", source, "-o"];
        let status = Command::new(compiler()).args(command).arg(&path).status().unwrap();
        assert!(status.success(), "emulator.cpp does not compile");
        let path = CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the library was compiled from `emulator.cpp` just now; it has nothing that runs on loading, it is never
        // unloaded, and its `emulate` has this signature.
        #[allow(unsafe_code)]
        unsafe {
            let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
            assert!(!library.is_null(), "{path:?} does not load");
            let function = libc::dlsym(library, c"emulate".as_ptr());
            assert!(!function.is_null(), "emulator.cpp has no `emulate`");
            std::mem::transmute::<*mut c_void, Emulate>(function)
        }
    })
}

/// What `launch` does on a device. Kernels use the C++ file's statics, so one runs at a time.
pub(super) fn launch(kernel: &'static str, (across, down): (u32, u32), values: &[Value]) -> Result<()> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    fn pointer<T>(x: &T) -> (*const c_void, usize) {
        (std::ptr::from_ref(x).cast(), size_of::<T>())
    }
    let (pointers, sizes): (Vec<_>, Vec<_>) = values
        .iter()
        .map(|value| match value {
            Value::Int(x) => pointer(x),
            Value::Long(x) => pointer(x),
            Value::Float(x) => pointer(x),
            Value::Key(x) => pointer(x),
            Value::Parameters(x) => pointer(&**x),
        })
        .unzip();
    let name = CString::new(kernel).map_err(|error| Error::argument(error.to_string()))?;
    let emulate = library();
    // SAFETY: the arguments outlive the call, and `emulate` compares their number and sizes with the kernel's. What a kernel
    // writes lies behind shared references here, as a device's memory does; nobody else reads it meanwhile.
    #[allow(unsafe_code)]
    let ran = unsafe { emulate(name.as_ptr(), across, down, pointers.as_ptr(), sizes.as_ptr(), values.len()) };
    if ran {
        Ok(())
    } else {
        Err(Error::argument(format!("{kernel}: no kernel takes these {} arguments", values.len())))
    }
}
