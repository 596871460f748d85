//! RealNVP (Dinh, Sohl-Dickstein & Bengio 2017, "Density estimation using Real NVP"): a code is a draw of a Gaussian, bent by layers
//! that can be undone.
//!
//! ```text
//! coupling   z = (a, b) → (a, (b − μ(a)) e^(−s(a)))       ln |det| = −Σ s(a)        s = c · tanh(raw / c),  c = 2
//! ln p(z) = ln p(u) + Σ ln |det|                           u = all couplings of z, one after the other; p(u) = N(0, I)
//! ```
//! The couplings take turns: one keeps the first half of the dimensions, ⌈D/2⌉ of them, the next the last ⌊D/2⌋. What a network says of
//! a log-scale is bounded, as it is in the paper (a tanh times a learned number) and wherever flows are used: without a bound, a few
//! couplings multiply to numbers that overflow at the first code that lies far out, and the loss is NaN. A coupling stretches by
//! e² = 7.4 at most, so a density stays finite wherever a code is.
//!
//! Seen from data, z → u is the fast way and serves the density; a draw goes u → z, as fast, through the same networks.
//!
//! ```
//! use vae_core::{distributions::{Conditioner, RealNvp}, prelude::*};
//!
//! // One coupling in three dimensions: the third is moved by twice the first, and not stretched.
//! let network: Conditioner = Box::new(|a: &Tensor| {
//!     let mu = (a.narrow(1, 0, 1)? * 2.0)?;
//!     Ok(Tensor::cat(&[&mu, &mu.zeros_like()?], 1)?)
//! });
//! let base = DiagonalGaussian::standard((1, 3), DType::F32, &Device::Cpu)?;
//! let p = RealNvp::new(base, vec![network])?;
//! let z = Tensor::new(&[[0.5f32, 0.0, 1.0]], &Device::Cpu)?;
//! let (u, log_det) = p.to_base(&z)?;
//! assert_eq!((u.to_vec2::<f32>()?, log_det.to_vec1::<f32>()?), (vec![vec![0.5, 0.0, 0.0]], vec![0.0]));
//! assert_eq!(p.from_base(&u)?.to_vec2::<f32>()?, z.to_vec2::<f32>()?);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::fmt;

use candle_core::Tensor;

use super::{DiagonalGaussian, Distribution, same_shape};
use crate::{Error, Result, random::Random};

/// The largest log-scale of a coupling.
const LARGEST: f64 = 2.0;

/// The network of a coupling, from the dimensions that it keeps to μ and raw log-scale of the others, side by side:
/// (B, kept) → (B, 2 · moved).
pub type Conditioner = Box<dyn Fn(&Tensor) -> Result<Tensor>>;

/// A Gaussian behind couplings; see the top of this module.
pub struct RealNvp {
    base: DiagonalGaussian,
    couplings: Vec<Conditioner>,
}

/// Which dimensions a coupling keeps and which it moves.
struct Turn {
    /// The first of them, and how many.
    kept: [usize; 2],
    moved: [usize; 2],
}

impl Turn {
    /// That of coupling `i`, of codes of this width.
    fn new(i: usize, width: usize) -> Self {
        let half = width.div_ceil(2);
        let (first, last) = ([0, half], [half, width - half]);
        if i.is_multiple_of(2) { Self { kept: first, moved: last } } else { Self { kept: last, moved: first } }
    }
}

/// Those dimensions of a code.
fn pick(z: &Tensor, [first, count]: [usize; 2]) -> Result<Tensor> {
    Ok(z.narrow(1, first, count)?.contiguous()?)
}

impl RealNvp {
    /// p(u) = `base`, (B, D), behind these couplings, of which the first is the nearest to the codes. Coupling i = 0, 2, … sees the first
    /// ⌈D/2⌉ dimensions, i = 1, 3, … the last ⌊D/2⌋.
    ///
    /// # Errors
    /// [`Error::Shape`] for codes of less than two dimensions, which have no halves.
    pub fn new(base: DiagonalGaussian, couplings: Vec<Conditioner>) -> Result<Self> {
        match *base.mu().dims() {
            [_, width] if width >= 2 => Ok(Self { base, couplings }),
            _ => {
                let expected = "(batch, D), D of 2 or more".into();
                Err(Error::Shape { what: "base of a RealNvp", expected, got: base.mu().dims().to_vec() })
            }
        }
    }

    /// How many dimensions coupling `i` sees of a code of this width, and how many it moves.
    pub fn widths(i: usize, width: usize) -> (usize, usize) {
        let Turn { kept, moved } = Turn::new(i, width);
        (kept[1], moved[1])
    }

    /// z → u with ln |det du/dz|: (B, D) → (B, D) and (B,).
    ///
    /// # Errors
    /// [`Error::Shape`] unless z has the shape of the base, and for a network of another width.
    pub fn to_base(&self, z: &Tensor) -> Result<(Tensor, Tensor)> {
        same_shape("z of a RealNvp", z, self.base.mu())?;
        let mut u = z.clone();
        let mut scales = Vec::with_capacity(self.couplings.len());
        for i in 0..self.couplings.len() {
            let (turn, a, mu, scale) = self.look(i, &u)?;
            let b = ((pick(&u, turn.moved)? - mu)? * scale.neg()?.exp()?)?;
            u = put(&turn, a, b)?;
            scales.push(scale.sum(1)?);
        }
        let log_det = scales.iter().try_fold(z.detach().zeros_like()?.sum(1)?, |sum, scale| sum - scale)?;
        Ok((u, log_det))
    }

    /// u → z: (B, D) → (B, D).
    ///
    /// # Errors
    /// As [`RealNvp::to_base`].
    pub fn from_base(&self, u: &Tensor) -> Result<Tensor> {
        same_shape("u of a RealNvp", u, self.base.mu())?;
        (0..self.couplings.len()).rev().try_fold(u.clone(), |z, i| {
            let (turn, a, mu, scale) = self.look(i, &z)?;
            put(&turn, a, ((pick(&z, turn.moved)? * scale.exp()?)? + mu)?)
        })
    }

    /// What coupling `i` keeps, and its μ and s.
    fn look(&self, i: usize, z: &Tensor) -> Result<(Turn, Tensor, Tensor, Tensor)> {
        let turn = Turn::new(i, z.dims()[1]);
        let a = pick(z, turn.kept)?;
        let (output, moved) = (self.couplings[i](&a)?, turn.moved[1]);
        if output.dims() != [z.dims()[0], 2 * moved] {
            let expected = format!("{:?}, μ and log-scale of {moved} dimensions", [z.dims()[0], 2 * moved]);
            return Err(Error::Shape { what: "output of a coupling's network", expected, got: output.dims().to_vec() });
        }
        let [mu, raw] = [pick(&output, [0, moved])?, pick(&output, [moved, moved])?];
        let scale = ((raw / LARGEST)?.tanh()? * LARGEST)?;
        Ok((turn, a, mu, scale))
    }
}

/// What was kept and what was moved, in the order of the code's dimensions.
fn put(turn: &Turn, kept: Tensor, moved: Tensor) -> Result<Tensor> {
    let both = if turn.kept[0] == 0 { [kept, moved] } else { [moved, kept] };
    Ok(Tensor::cat(&both, 1)?)
}

impl Distribution for RealNvp {
    /// A draw of the base, bent; gradients flow to the networks.
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        self.from_base(&self.base.rsample(random)?)
    }

    fn log_prob(&self, z: &Tensor) -> Result<Tensor> {
        let (u, log_det) = self.to_base(z)?;
        Ok((self.base.log_prob(&u)? + log_det)?)
    }

    /// Where u is the mean of the base: the mean itself has no closed form.
    fn mean(&self) -> Result<Tensor> {
        self.from_base(self.base.mu())
    }
}

impl fmt::Debug for RealNvp {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "RealNvp of {} couplings, {:?}", self.couplings.len(), self.base)
    }
}
