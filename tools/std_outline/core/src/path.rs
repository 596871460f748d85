//! Paths and the strings of the operating system.

use crate::ops::Deref;
use crate::string::String;

pub struct OsStr;
#[derive(Clone, Debug, Default)]
pub struct OsString;
impl OsStr {
    pub fn to_string_lossy(&self) -> crate::borrow::Cow<'_, str> { loop {} }
    pub fn to_str(&self) -> Option<&str> { loop {} }
}
impl Deref for OsString { type Target = OsStr; }
pub struct Path;
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathBuf;
pub struct Display<'a>(&'a Path);
impl crate::fmt::Display for Display<'_> {}
impl Path {
    pub fn new<S: AsRef<OsStr> + ?Sized>(path: &S) -> &Path { loop {} }
    pub fn join<P: AsRef<Path>>(&self, path: P) -> PathBuf { loop {} }
    pub fn with_extension<S: AsRef<OsStr>>(&self, extension: S) -> PathBuf { loop {} }
    pub fn with_file_name<S: AsRef<OsStr>>(&self, name: S) -> PathBuf { loop {} }
    pub fn to_path_buf(&self) -> PathBuf { loop {} }
    pub fn to_str(&self) -> Option<&str> { loop {} }
    pub fn to_string_lossy(&self) -> crate::borrow::Cow<'_, str> { loop {} }
    pub fn display(&self) -> Display<'_> { loop {} }
    pub fn parent(&self) -> Option<&Path> { loop {} }
    pub fn file_name(&self) -> Option<&OsStr> { loop {} }
    pub fn exists(&self) -> bool { loop {} }
    pub fn is_file(&self) -> bool { loop {} }
    pub fn is_dir(&self) -> bool { loop {} }
}
impl PathBuf {
    pub fn new() -> PathBuf { loop {} }
    pub fn push<P: AsRef<Path>>(&mut self, path: P) {}
}
impl Deref for PathBuf { type Target = Path; }
macro_rules! path_likes {
    ($($t:ty)*) => { $( impl AsRef<Path> for $t {} impl AsRef<OsStr> for $t {} )* };
}
path_likes! { str String Path PathBuf OsStr OsString }
impl<T: ?Sized + AsRef<OsStr>> From<&T> for PathBuf {}
impl From<String> for PathBuf {}
impl<T: ?Sized + AsRef<U>, U: ?Sized> AsRef<U> for &T {}
