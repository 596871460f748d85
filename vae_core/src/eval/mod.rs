//! Evaluation: how good a model is, in numbers.

pub mod recon;
