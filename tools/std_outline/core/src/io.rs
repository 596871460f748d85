//! Input, output, files, the environment, threads: the little that cells use.

use crate::path::{Path, PathBuf};
use crate::string::String;
use crate::vec::Vec;

pub fn _print(arguments: crate::fmt::Arguments<'_>) {}
pub type Result<T> = crate::result::Result<T, Error>;
#[derive(Debug)]
pub struct Error;
impl crate::fmt::Display for Error {}
impl crate::error::Error for Error {}
pub trait Read {
    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> Result<usize>;
    fn read_to_string(&mut self, buffer: &mut String) -> Result<usize>;
}
pub trait Write {
    fn write_all(&mut self, buffer: &[u8]) -> Result<()>;
    fn flush(&mut self) -> Result<()>;
    fn write_fmt(&mut self, arguments: crate::fmt::Arguments<'_>) -> Result<()> { loop {} }
}
impl Write for Vec<u8> {}

pub mod fs {
    use super::*;
    pub struct File;
    impl File {
        pub fn open<P: AsRef<Path>>(path: P) -> Result<File> { loop {} }
        pub fn create<P: AsRef<Path>>(path: P) -> Result<File> { loop {} }
    }
    impl Read for File {}
    impl Write for File {}
    pub fn read<P: AsRef<Path>>(path: P) -> Result<Vec<u8>> { loop {} }
    pub fn read_to_string<P: AsRef<Path>>(path: P) -> Result<String> { loop {} }
    pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> Result<()> { loop {} }
    pub fn create_dir_all<P: AsRef<Path>>(path: P) -> Result<()> { loop {} }
    pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> Result<()> { loop {} }
    pub fn remove_file<P: AsRef<Path>>(path: P) -> Result<()> { loop {} }
}
pub mod env {
    use super::*;
    #[derive(Debug, Clone)]
    pub struct VarError;
    impl crate::error::Error for VarError {}
    pub fn var<K: AsRef<crate::path::OsStr>>(key: K) -> crate::result::Result<String, VarError> { loop {} }
    pub fn var_os<K: AsRef<crate::path::OsStr>>(key: K) -> Option<crate::path::OsString> { loop {} }
    pub fn temp_dir() -> PathBuf { loop {} }
    pub fn current_dir() -> Result<PathBuf> { loop {} }
}
pub mod thread {
    use super::*;
    pub struct JoinHandle<T>(T);
    impl<T> JoinHandle<T> {
        pub fn join(self) -> crate::result::Result<T, crate::boxed::Box<dyn crate::any::Any + Send>> { loop {} }
    }
    pub fn spawn<F: FnOnce() -> T, T>(f: F) -> JoinHandle<T> { loop {} }
    pub fn sleep(duration: crate::time::Duration) {}
    pub fn available_parallelism() -> Result<NonZero<usize>> { loop {} }
    pub struct NonZero<T>(T);
    impl NonZero<usize> {
        pub fn get(self) -> usize { loop {} }
    }
}
pub mod panic {
    pub struct AssertUnwindSafe<T>(pub T);
    impl<R, F: FnOnce() -> R> FnOnce<()> for AssertUnwindSafe<F> { type Output = R; }
    pub fn catch_unwind<F: FnOnce() -> R, R>(f: F) -> crate::result::Result<R, crate::boxed::Box<dyn crate::any::Any + Send>> { loop {} }
}
