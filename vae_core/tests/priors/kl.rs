//! What is left of the KL where it has no closed form.

use vae_core::prelude::*;

use crate::{CPU, numbers};

/// With the entropy in closed form the estimate has the very same gradient, draw by draw: ln q(z|x) at z = μ + σ ε is the entropy and a function of
/// ε alone. Its value varies less where posteriors are narrow beside the prior, and more where they are the prior.
#[test]
fn the_entropy_changes_no_gradient() -> Result<()> {
    let draw = |seed, shift: f64| -> Result<Var> {
        Ok(Var::from_tensor(&Random::new(seed).normal((4000, 3), &CPU)?.to_dtype(DType::F64)?.affine(0.1, shift)?)?)
    };
    let mixture = |rows| -> Result<Mixture> {
        let mu = Tensor::new(&[[-1.0, 0.0, 1.0], [1.0, 0.5, -1.0]], &CPU)?;
        Mixture::new(DiagonalGaussian::new(mu.clone(), mu.zeros_like()?)?, rows)
    };
    let variance = |x: &Tensor| Ok::<_, Error>(numbers(&x.var(0)?)[0]);
    for (log_var, narrow) in [(-6.0, true), (0.0, false)] {
        let (mu, log_var) = (draw(1, 0.0)?, draw(2, log_var)?);
        let q = DiagonalGaussian::new(mu.as_tensor().clone(), log_var.as_tensor().clone())?;
        let z = q.rsample(&mut Random::new(3))?;
        let p = mixture(4000)?;
        let estimate = q.kl(&p, &z)?;
        let with_entropy = (q.entropy()?.neg()? - p.log_prob(&z)?)?;
        let gradients = [&estimate, &with_entropy].map(|x| x.sum_all().unwrap().backward().unwrap());
        for var in [&mu, &log_var] {
            let [a, b] = gradients.each_ref().map(|gradients| gradients.get(var).unwrap());
            check::close("gradients", a, b, 1e-10)?;
        }
        assert_eq!(variance(&with_entropy)? < variance(&estimate)?, narrow);
    }
    Ok(())
}
