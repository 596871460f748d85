//! The macros. What `rustc_builtin_macro` names, rust-analyzer expands by itself.

#[macro_export]
#[rustc_builtin_macro(core_panic)]
macro_rules! panic {
    ($($arg:tt)*) => {};
}
#[macro_export]
macro_rules! unreachable {
    ($($arg:tt)*) => { loop {} };
}
#[macro_export]
macro_rules! todo {
    ($($arg:tt)*) => { loop {} };
}
#[macro_export]
macro_rules! unimplemented {
    ($($arg:tt)*) => { loop {} };
}
#[macro_export]
#[rustc_builtin_macro]
macro_rules! assert {
    ($($arg:tt)*) => {};
}
#[macro_export]
macro_rules! assert_eq {
    ($left:expr, $right:expr $(, $($arg:tt)+)?) => {{ let _ = &$left == &$right; }};
}
#[macro_export]
macro_rules! assert_ne {
    ($left:expr, $right:expr $(, $($arg:tt)+)?) => {{ let _ = &$left == &$right; }};
}
#[macro_export]
macro_rules! debug_assert {
    ($($arg:tt)*) => {};
}
#[macro_export]
macro_rules! debug_assert_eq {
    ($($arg:tt)*) => {};
}
#[macro_export]
macro_rules! matches {
    ($expression:expr, $pattern:pat $(if $guard:expr)? $(,)?) => {
        match $expression { $pattern $(if $guard)? => true, _ => false }
    };
}
#[macro_export]
#[rustc_builtin_macro]
macro_rules! format_args {
    ($fmt:expr) => {{}};
    ($fmt:expr, $($args:tt)*) => {{}};
}
#[macro_export]
macro_rules! format {
    ($($arg:tt)*) => { $crate::string::format($crate::format_args!($($arg)*)) };
}
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => {{ $crate::io::_print($crate::format_args!($($arg)*)); }};
}
#[macro_export]
macro_rules! println {
    () => {{}};
    ($($arg:tt)*) => {{ $crate::io::_print($crate::format_args!($($arg)*)); }};
}
#[macro_export]
macro_rules! eprint {
    ($($arg:tt)*) => {{ $crate::io::_print($crate::format_args!($($arg)*)); }};
}
#[macro_export]
macro_rules! eprintln {
    () => {{}};
    ($($arg:tt)*) => {{ $crate::io::_print($crate::format_args!($($arg)*)); }};
}
#[macro_export]
macro_rules! dbg {
    ($value:expr $(,)?) => { $value };
}
#[macro_export]
macro_rules! write {
    ($target:expr, $($arg:tt)*) => { $target.write_fmt($crate::format_args!($($arg)*)) };
}
#[macro_export]
macro_rules! writeln {
    ($target:expr $(,)?) => { $target.write_fmt($crate::format_args!("")) };
    ($target:expr, $($arg:tt)*) => { $target.write_fmt($crate::format_args!($($arg)*)) };
}
#[macro_export]
macro_rules! vec {
    () => { $crate::vec::Vec::new() };
    ($element:expr; $count:expr) => { $crate::vec::from_elem($element, $count) };
    ($($element:expr),+ $(,)?) => { $crate::vec::from_array([$($element),+]) };
}

macro_rules! for_each_type {
    ($macro:ident: $($type:ty)*) => { $($macro!($type);)* };
}

pub(crate) mod builtin {
    #[rustc_builtin_macro]
    pub macro derive($item:item) {}
}
