//! All scores of one model.
//!
//! ```
//! use vae_core::{candle::Device, data, eval::disentangle::report, models::{MlpVae, MlpVaeConfig}};
//!
//! # fn main() -> vae_core::Result<()> {
//! # if cfg!(debug_assertions) { return Ok(()) } // a hundred thousand pictures
//! let config = MlpVaeConfig { image: (1, 32, 32), hidden: vec![32], latent: 4, ..Default::default() };
//! let report = report(&MlpVae::new(config, &Device::Cpu, 1)?, &data::sprites(32, &Device::Cpu)?, 1)?;
//! assert!(report.to_string().contains("FactorVAE metric"));
//! # Ok(()) }
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BINS, Dci, DensityMig, FactorScore, Gaps, Votes, codes, density_mig, factor_score};
use crate::{Result, data::Factored, models::Vae, random::Random};

/// Items that the scores of [`Codes`](super::Codes) are of, as in `disentanglement_lib`.
const ITEMS: usize = 10_000;

/// Every score of this module, with what it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`Codes::mig`](super::Codes::mig) in 20 bins, of 10,000 posterior means.
    pub mig: Gaps,
    /// [`density_mig`], with its default settings; a factor called "shape" is left out.
    pub density_mig: Gaps,
    /// [`factor_score`], with its default settings.
    pub factor_score: Votes,
    /// [`Codes::dci`](super::Codes::dci) of the same 10,000 codes.
    pub dci: Dci,
    /// [`Codes::sap`](super::Codes::sap) of the same codes.
    pub sap: Gaps,
    /// [`Codes::modularity`](super::Codes::modularity) of the same codes, in 20 bins.
    pub modularity: f64,
}

/// All scores of a model, all draws from `seed`.
///
/// # Errors
/// As [`codes`], [`density_mig`] and [`factor_score`].
pub fn report(vae: &dyn Vae, data: &dyn Factored, seed: u64) -> Result<Report> {
    // Streams, so that no score changes with the draws of another.
    let random = Random::new(seed);
    let codes = codes(vae, data, ITEMS, &mut random.stream(0))?;
    let names = data.sizes().iter().map(|&(name, _)| name.to_string());
    let densities = DensityMig { leave_out: names.filter(|name| name == "shape").collect(), ..Default::default() };
    Ok(Report {
        mig: codes.mig(BINS)?,
        density_mig: density_mig(vae, data, &densities, &mut random.stream(1))?,
        factor_score: factor_score(vae, data, &FactorScore::default(), &mut random.stream(2))?,
        dci: codes.dci(),
        sap: codes.sap(),
        modularity: codes.modularity(BINS)?,
    })
}

impl Report {
    /// Each score with its name.
    pub fn scores(&self) -> [(&'static str, f64); 8] {
        [
            ("MIG (20 bins)", self.mig.mean()),
            ("MIG (densities)", self.density_mig.mean()),
            ("FactorVAE metric", self.factor_score.score),
            ("DCI disentanglement", self.dci.disentanglement),
            ("DCI completeness", self.dci.completeness),
            ("DCI informativeness", self.dci.informativeness),
            ("SAP", self.sap.mean()),
            ("modularity", self.modularity),
        ]
    }
}

/// A line for each score.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lines = self.scores().map(|(name, score)| format!("{name:<20} {score:.3}"));
        f.write_str(&lines.join("\n"))
    }
}
