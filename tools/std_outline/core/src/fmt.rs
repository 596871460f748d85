//! Formatting.

pub struct Error;
pub type Result = crate::result::Result<(), Error>;
pub struct Formatter<'a>(&'a ());
impl Formatter<'_> {
    pub fn write_str(&mut self, s: &str) -> Result { loop {} }
    pub fn write_fmt(&mut self, arguments: Arguments<'_>) -> Result { loop {} }
}
#[lang = "format_arguments"]
#[derive(Clone, Copy)]
pub struct Arguments<'a> { message: &'a str }
mod rt {
    #[lang = "format_argument"]
    #[derive(Clone, Copy)]
    pub struct Argument<'a> { value: &'a () }
}
pub trait Write {
    fn write_str(&mut self, s: &str) -> Result;
    fn write_fmt(&mut self, arguments: Arguments<'_>) -> Result { loop {} }
}
macro_rules! traits {
    ($($name:ident)*) => { $(
        pub trait $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result;
        }
        impl<T: ?Sized + $name> $name for &T {}
        impl<T: ?Sized + $name> $name for &mut T {}
    )* };
}
traits! { Debug Display LowerExp LowerHex Binary }
pub(crate) mod derive {
    #[rustc_builtin_macro]
    pub macro Debug($item:item) {}
}
pub use derive::Debug;
