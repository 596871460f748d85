//! The objectives that look at more than one item at a time: what they compute on codes whose answer is known, and that a training
//! with them is stopped and resumed bit for bit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod beta_tc;
mod capacity;
mod factor;
#[allow(dead_code)] // the guests need all of it
#[path = "../guests/harness.rs"]
mod harness;
