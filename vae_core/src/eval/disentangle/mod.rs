//! Disentanglement: whether each dimension of a code follows one of the factors that the data are made of.
//!
//! | what | asks | of |
//! |---|---|---|
//! | [`Codes::mig`] | how much more the best dimension tells of a factor than the second best (mutual information gap, binned) | Chen et al. 2018; Locatello et al. 2019 |
//! | [`density_mig`] | the same, of densities of q(z) | Chen et al. 2018 |
//! | [`factor_score`] | which dimension moves least while a factor is held (FactorVAE metric) | Kim & Mnih 2018 |
//! | [`Codes::dci`] | whether a dimension serves one factor, a factor is served by one dimension, and all is told | Eastwood & Williams 2018 |
//! | [`Codes::sap`] | how much better the best dimension predicts a factor than the second best | Kumar et al. 2018 |
//! | [`Codes::modularity`] | whether a dimension tells of one factor only | Ridgeway & Mozer 2018 |
//!
//! [`report`] has them all. All are between 0 and 1, larger for the better. They ask different things: a factor that is coded in two dimensions loses its gap
//! and keeps its votes. None sees what the pictures look like, and all need the true factors, which real data seldom have.
//!
//! Some factors cannot be told from the pictures. A square turned by 90° is the same square: of 40 rotations of [`data::sprites`] it
//! shows 10, an ellipse 20, so that no code knows all of *rotation*. Published numbers have this handicap too. Where another question
//! is asked, leave the factor out: [`Codes::without`], and `leave_out` of the others.
//!
//! [`data::sprites`]: crate::data::sprites()

mod codes;
mod dci;
mod density_mig;
mod factor_score;
mod information;
mod mig;
mod modularity;
mod report;
mod sap;

pub use codes::{Codes, codes};
pub use dci::Dci;
pub use density_mig::{DensityMig, density_mig};
pub use factor_score::{FactorScore, Votes, factor_score};
pub use mig::{BINS, Gaps};
pub use report::{Report, report};

use crate::{Error, Result, data::Factored};

/// More items to encode than this, 23 times dSprites, are a mistake.
const MOST_ITEMS: usize = 1 << 24;

/// Refuses more items than anyone can mean; `count` is none where it is past counting.
fn countable(what: &str, count: Option<usize>) -> Result<usize> {
    count.filter(|&count| count <= MOST_ITEMS).ok_or_else(|| {
        Error::argument(format!("{what} would take more than {MOST_ITEMS} items to encode; make it smaller"))
    })
}

/// The numbers of the factors that count: those of two values or more whose names are not among `leave_out`.
///
/// # Errors
/// [`Error::Argument`] for a name that no factor has, and when none is left.
fn counted(data: &dyn Factored, leave_out: &[String]) -> Result<Vec<usize>> {
    let sizes = data.sizes();
    let names: Vec<&str> = sizes.iter().map(|&(name, _)| name).collect();
    known(leave_out, &names)?;
    let counts = |&factor: &usize| sizes[factor].1 > 1 && !leave_out.iter().any(|name| name == names[factor]);
    let factors: Vec<usize> = (0..sizes.len()).filter(counts).collect();
    if factors.is_empty() { Err(none_left(&names)) } else { Ok(factors) }
}

/// Refuses names that no factor has.
fn known<S: AsRef<str>>(asked: &[S], names: &[&str]) -> Result<()> {
    match asked.iter().find(|name| !names.contains(&name.as_ref())) {
        Some(name) => {
            let (name, names) = (name.as_ref(), names.join(", "));
            Err(Error::argument(format!("no factor is called {name:?}: expected one of {names}")))
        }
        None => Ok(()),
    }
}

fn none_left(names: &[&str]) -> Error {
    let names = if names.is_empty() { "there are none".into() } else { names.join(", ") };
    Error::argument(format!("no factor to measure ({names}): expected one that takes two values or more"))
}
