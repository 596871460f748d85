//! How the learning rate changes over a run.
//!
//! ```text
//! rate(t) = α · factor(t)          t: training time in epochs, with its fraction
//!
//! constant   1
//! cosine     ½ (1 + cos(π t/T)), and 0 after T                         (Loshchilov & Hutter 2017, one period)
//! burda      round(10^(1 − i/7), 1) / 10 in stage i = 0 … 7, of 3^i/3280 · T epochs each, and the last after T
//! ```
//! The last is the schedule of "Importance weighted autoencoders" (Burda, Grosse & Salakhutdinov 2016), where T is 3280 epochs and
//! α is 1e-3: rates of 1, 0.72, 0.52, 0.37, 0.27, 0.19, 0.14 and 0.1 times α, each for three times as long as the one before.
//!
//! A factor depends on the time alone, and T is part of the schedule, not the number of epochs that the trainer was asked for: so a
//! run that is stopped and resumed, or prolonged, makes the very steps of one that never stopped.
//!
//! ```
//! use vae_core::train::Schedule;
//!
//! let factors = [0.0, 5.0, 10.0, 11.0].map(|epoch| Schedule::Cosine { epochs: 10.0 }.factor(epoch));
//! assert_eq!(factors.map(|factor| (factor * 1e6).round()), [1e6, 0.5e6, 0.0, 0.0]);
//! assert_eq!(Schedule::Burda { epochs: 3280.0 }.factor(1.0), 0.72);
//! ```

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What the learning rate is multiplied with; see the top of this module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same rate all the time.
    #[default]
    Constant,
    /// Half a period of a cosine, from all of the rate to none.
    Cosine {
        /// T, after how many epochs the rate is 0.
        epochs: f64,
    },
    /// Eight rates, falling to a tenth, each for three times as long as the one before.
    Burda {
        /// T, how many epochs the eight stages take together.
        epochs: f64,
    },
}

/// How many stages the schedule of Burda et al. has.
const STAGES: u32 = 8;

impl Schedule {
    /// What the learning rate is multiplied with after `epoch` epochs.
    pub fn factor(self, epoch: f64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine { epochs } => 0.5 * (1.0 + (PI * (epoch / epochs).min(1.0)).cos()),
            Self::Burda { epochs } => {
                let all = f64::from((3u32.pow(STAGES) - 1) / 2);
                // Stages before this one have (3^i − 1)/2 of all parts.
                let over = |i: u32| epoch * all >= f64::from((3u32.pow(i) - 1) / 2) * epochs;
                let stage = (1..STAGES).take_while(|&i| over(i)).count() as f64;
                (10f64.powf(1.0 - stage / f64::from(STAGES - 1)) * 10.0).round() / 100.0
            }
        }
    }

    /// Refuses a length that is none.
    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::Cosine { epochs } | Self::Burda { epochs } if !(epochs > 0.0 && epochs.is_finite()) => {
                Err(Error::argument(format!("epochs of a Schedule must be positive and finite, got {epochs}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight stages last 3⁰ to 3⁷ epochs of 3280, with the rates that the authors' program has.
    #[test]
    fn stages_of_burda() {
        let schedule = Schedule::Burda { epochs: 3280.0 };
        let mut epoch = 0.0;
        for (i, rate) in [1e-3, 7.2e-4, 5.2e-4, 3.7e-4, 2.7e-4, 1.9e-4, 1.4e-4, 1e-4].into_iter().enumerate() {
            let length = f64::from(3u32.pow(i as u32));
            for at in [epoch, epoch + 0.999 * length] {
                assert!((1e-3 * schedule.factor(at) - rate).abs() < 1e-12, "{at}");
            }
            epoch += length;
        }
        assert_eq!(epoch, 3280.0);
        assert_eq!(schedule.factor(1e9), 0.1);
        assert_eq!(Schedule::Burda { epochs: 328.0 }.factor(0.1), 0.72);
    }

    /// Without a length a schedule is refused, before any work is done.
    #[test]
    fn lengths_are_checked() {
        for epochs in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            for schedule in [Schedule::Cosine { epochs }, Schedule::Burda { epochs }] {
                assert!(schedule.check().unwrap_err().to_string().contains("epochs of a Schedule"));
            }
        }
        assert!(Schedule::Constant.check().is_ok());
    }
}
