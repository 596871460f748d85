//! Training: the loop, what it remembers, and how it comes back.

mod checkpoint;
mod film;
mod history;
mod learner;
mod progress;
mod schedule;
mod settings;
mod trainer;

pub use film::Frame;
pub use history::{EpochRecord, History};
pub use schedule::Schedule;
pub use settings::{TrainConfig, Trainer};
