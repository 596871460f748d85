//! What only notebooks need: check cells and exercises.

pub mod check;
