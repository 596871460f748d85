//! Evaluation: how good a model is, and what for, in numbers.
//!
//! - [`recon`]: errors of reconstructions, PSNR, SSIM
//! - [`anomaly`]: one number per image, larger the stranger; [`Score`] names them, [`scores`] computes them
//! - [`mod@likelihood`]: log p(x) by importance sampling, with standard errors and effective sample sizes
//! - [`mod@annealed`]: the same by annealed importance sampling, as a cross-check
//! - [`neighbours`]: how far a code is from the codes of normal images, and an image from them
//! - [`pca`]: principal components, the best linear autoencoder: a baseline
//! - [`panel`]: all that can be asked of an image at once, scores and baselines
//! - [`localization`]: where an image is strange: maps held against masks
//! - [`scoreboard`]: methods by tasks, with errors and ties
//! - [`denoising`]: denoisers on all kinds of noise
//! - [`gaussian_mixture`]: a density fitted to codes afterwards, for models without a prior
//! - [`ranking`]: how well numbers tell two sets apart: AUROC, average precision, ROC curve, bootstrap intervals
//! - [`threshold`]: where to draw the line for a stated false-positive rate; p-values
//! - [`disentangle`]: whether each dimension of a code follows one factor of the data: MIG, FactorVAE metric, DCI, SAP, modularity
//! - [`mod@collapse`]: what the code is used for: dimensions asleep, mutual information, aggregate posterior and prior, in words
//! - [`mod@mean_error`]: means over seeds with their standard errors
//! - [`detector`]: model, score and threshold in one file

pub mod annealed;
pub mod anomaly;
pub mod collapse;
pub mod denoising;
pub mod detector;
mod detector_file;
pub mod disentangle;
pub mod gaussian_mixture;
pub mod likelihood;
pub mod localization;
mod log_sum;
pub mod mean_error;
pub mod neighbours;
pub mod panel;
pub mod pca;
pub mod ranking;
pub mod recon;
pub mod scoreboard;
pub mod threshold;
mod weights;

pub use annealed::{Annealed, annealed};
pub use anomaly::{Score, error_map, scores};
pub use collapse::{Collapse, CollapseConfig, Diagnosis, collapse};
pub use denoising::{Denoiser, benchmark, posterior_draws};
pub use detector::{Detector, DetectorConfig, Verdict};
pub use gaussian_mixture::GaussianMixture;
pub use likelihood::{Likelihood, likelihood, likelihood_watched};
pub use localization::{excess_map, neighbour_map, pixel_ranking};
pub use mean_error::{MeanError, mean_error};
pub use neighbours::{code_distances, codes, nearest, pixel_distances};
pub use panel::{Panel, PanelConfig};
pub use pca::Pca;
pub use ranking::{Interval, Ranking, RocPoint};
pub use scoreboard::{Better, Cell, Scoreboard};
pub use threshold::{Threshold, p_values};
