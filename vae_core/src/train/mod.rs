//! Training: the loop, what it remembers, and how it comes back.

mod checkpoint;
mod history;
mod progress;
mod trainer;

pub use history::{EpochRecord, History};
pub use trainer::{TrainConfig, Trainer};
