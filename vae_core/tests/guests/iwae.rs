//! IWAE (Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders"), a bound that rises with the number of draws, and
//! DReG (Tucker, Lawson, Gu & Maddison 2019, "Doubly reparameterized gradient estimators for Monte Carlo objectives"), its gradient
//! for the encoder with less variance.
//!
//! ```text
//! bound = E[ln (1/k) Σᵢ wᵢ]        wᵢ = p(x|zᵢ) p(zᵢ) / q(zᵢ|x),  zᵢ ~ q(z|x)        w̃ᵢ = wᵢ / Σⱼ wⱼ
//! IWAE: ∇ bound = E[Σᵢ w̃ᵢ ∇ ln wᵢ]        DReG: the same for p, and E[Σᵢ w̃ᵢ² ∂ln wᵢ/∂zᵢ ∇zᵢ] for q
//! ```

use super::harness;
use vae_core::{candle_nn, nn, prelude::*, serde_json};

#[derive(Clone, Copy)]
struct Iwae {
    draws: usize,
    doubly_reparameterized: bool,
}

impl Objective for Iwae {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let (q, prior) = (vae.encode(&batch.x)?, vae.prior(batch.len())?);
        let drawn = (0..self.draws).map(|_| q.sample(noise)).collect::<Result<Vec<_>>>()?;
        let drawn = Tensor::stack(&drawn, 0)?; // (k, B, D)
        // For DReG the draws are leaves: no way leads from them to the encoder but the one that is laid below.
        let leaves = Var::from_tensor(&drawn.detach())?;
        let codes = if self.doubly_reparameterized { leaves.as_tensor() } else { &drawn };
        let (mut reconstruction, mut log_p, mut log_q) = (vec![], vec![], vec![]);
        for i in 0..self.draws {
            let z = codes.get(i)?;
            reconstruction.push(vae.decode(&z)?.log_prob(&batch.x)?);
            log_p.push(prior.log_prob(&z)?);
            log_q.push(q.log_prob(&z)?);
        }
        let stack = |rows: Vec<Tensor>| Tensor::stack(&rows, 0); // (k, B)
        let (reconstruction, log_p, log_q) = (stack(reconstruction)?, stack(log_p)?, stack(log_q)?);
        let log_joint = (&reconstruction + &log_p)?;
        let log_w = (&log_joint - &log_q)?;
        let bound = (log_w.log_sum_exp(0)?.mean_all()? - (self.draws as f64).ln())?;

        let mut loss = bound.neg()?;
        if self.doubly_reparameterized {
            let weights = candle_nn::ops::softmax(&log_w.detach(), 0)?;
            let gradients = nn::backward(&(weights.sqr()? * &log_w)?.sum_all()?)?;
            let gradient = gradients.get(&leaves)?.ok_or_else(|| Error::Argument("q(z|x) does not see z".into()))?;
            let gain = ((weights * log_joint)?.sum_all()? + (gradient.detach() * drawn)?.sum_all()?)?;
            let way = (gain / -(batch.len() as f64))?;
            loss = (&way + (loss - &way)?.detach())?; // the value of the bound, the gradients of `way`
        }
        Ok(Terms::new(loss, reconstruction.mean_all()?, (log_q - log_p)?.mean_all()?, 1.0).metric("bound", &bound))
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "objective": "iwae", "draws": self.draws, "dreg": self.doubly_reparameterized })
    }

    fn watched(&self, means: &Means) -> f64 {
        -means.metrics["bound"]
    }
}

/// Digits are learned with both gradients, and the bound is above the ELBO.
#[test]
fn trains_on_its_bound() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(512);
    let config = MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() };
    let vae = || MlpVae::new(config.clone(), &Device::Cpu, 1).unwrap();
    for doubly_reparameterized in [false, true] {
        let iwae = || Iwae { draws: 5, doubly_reparameterized };
        let settings = |trainer: Trainer| trainer.learning_rate(1e-2).validation(64);
        let (_, history) = harness::trains_and_resumes(vae, iwae, &digits, settings);
        let bound = |epoch: usize| history.epochs[epoch].validation.as_ref().unwrap().metrics["bound"];
        assert!(bound(3) > bound(0) + 30.0, "{history}");
        assert!(history.epochs.iter().all(|record| record.train.metrics["bound"] > record.train.elbo));
    }
    Ok(())
}

/// Training stops when the bound on held-out items was not better for three epochs, and ends with the weights of the best; what
/// the ELBO is does not matter.
#[test]
fn stops_by_its_bound() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(128);
    let config = MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() };
    let mut vae = MlpVae::new(config, &Device::Cpu, 1)?;
    let iwae = Iwae { draws: 20, doubly_reparameterized: false };
    let trainer = Trainer::new(iwae).epochs(100).batch_size(16).learning_rate(1e-2).seed(3).quiet();
    let history = trainer.validation(64).early_stopping(3).fit(&mut vae, &digits)?;
    let best = history.best().unwrap();
    let bounds: Vec<f64> = history.epochs.iter().map(|e| e.validation.as_ref().unwrap().metrics["bound"]).collect();
    assert!(bounds.iter().all(|&bound| bound <= bounds[best.epoch - 1]), "{history}");
    assert!(bounds.len() == best.epoch + 3 && bounds.len() < 100, "{history}");
    let at_the_end = evaluate(&iwae, &vae, &digits.split(64, 3)?.1, false, 3)?;
    assert_eq!(Some(&at_the_end), best.validation.as_ref());
    assert_eq!(iwae.watched(&Means { elbo: -1e9, loss: 1e9, ..at_the_end }), -bounds[best.epoch - 1]);
    Ok(())
}

/// A model of four numbers with a code of one, trained for a moment so that q(z|x) knows something of p(z|x); with `n` copies
/// of one item.
fn tiny(n: usize) -> Result<(MlpVae, Batch)> {
    let (observation, activation) = (Observation::Gaussian { variance: 0.2 }, Activation::Tanh);
    let config = MlpVaeConfig { image: (1, 2, 2), hidden: vec![4], latent: 1, observation, activation };
    let mut vae = MlpVae::new(config, &Device::Cpu, 4)?;
    let items = Random::new(6).normal((256, 1, 2, 2), &Device::Cpu)?;
    Trainer::new(Elbo::default()).epochs(2).batch_size(16).learning_rate(1e-2).quiet().fit(&mut vae, &items)?;
    let x = Tensor::new(&[[[[0.9f32, 0.1], [0.4, -0.3]]]], &Device::Cpu)?.repeat((n, 1, 1, 1))?;
    Ok((vae, Batch { x, y: None }))
}

/// Mean and standard error of each column, (R, P).
fn mean_and_error(rows: &Tensor) -> Result<(Tensor, Tensor)> {
    Ok((rows.mean(0)?, (rows.var(0)? / rows.dims()[0] as f64)?.sqrt()?))
}

/// One draw makes the ELBO; more draws make the bound rise towards ln p(x), known by numerical integration, and not above it.
#[test]
fn bound_rises_with_draws() -> Result<()> {
    let (vae, batch) = tiny(500)?;
    let z = Tensor::arange(-1000f32, 1001.0, &Device::Cpu)?.affine(0.008, 0.0)?.unsqueeze(1)?;
    let log_joint = (vae.decode(&z)?.log_prob(&tiny(2001)?.1.x)? + vae.prior(2001)?.log_prob(&z)?)?;
    let exact = harness::numbers(&log_joint.log_sum_exp(0)?)[0] + 0.008f64.ln();
    let elbo = evaluate(&Elbo::default(), &vae, &tiny(20_000)?.1.x, false, 1)?.elbo;
    let bounds = [1, 2, 8, 64].map(|draws| {
        let iwae = Iwae { draws, doubly_reparameterized: false };
        let loss = |seed| iwae.terms(&vae, &batch, 0.0, &mut Random::new(seed)).unwrap().loss;
        let losses = Tensor::stack(&(0..40).map(loss).collect::<Vec<_>>(), 0).unwrap();
        let (mean, error) = mean_and_error(&losses.neg().unwrap().to_dtype(DType::F64).unwrap()).unwrap();
        (harness::numbers(&mean)[0], harness::numbers(&error)[0])
    });
    assert!((bounds[0].0 - elbo).abs() < 5.0 * bounds[0].1, "{elbo} {bounds:?}");
    assert!(bounds.windows(2).all(|pair| pair[1].0 > pair[0].0), "{bounds:?}");
    assert!((-0.01..5.0 * bounds[3].1).contains(&(bounds[3].0 - exact)), "{bounds:?} {exact}");
    Ok(())
}

/// The gradient of the loss over all parameters whose name begins so, in one row.
fn gradient(iwae: Iwae, (vae, batch): &(MlpVae, Batch), seed: u64, name: &str) -> Result<Tensor> {
    let gradients = nn::backward(&iwae.terms(vae, batch, 0.0, &mut Random::new(seed))?.loss)?;
    let params = vae.params().iter().filter(|(own, _)| own.starts_with(name));
    let rows = params.map(|(_, var)| Ok(gradients.get(var)?.unwrap().flatten_all()?.to_dtype(DType::F64)?));
    Ok(Tensor::cat(&rows.collect::<Result<Vec<_>>>()?, 0)?)
}

/// At the same noise, the gradient of IWAE's loss is that of finite differences, for every weight.
#[test]
fn gradient_by_finite_differences() -> Result<()> {
    let (iwae, model) = (Iwae { draws: 4, doubly_reparameterized: false }, tiny(3)?);
    for (name, var) in model.0.params().iter() {
        let (weights, count) = (var.as_tensor().copy()?, var.elem_count());
        for (i, gradient) in harness::numbers(&gradient(iwae, &model, 5, name)?).into_iter().enumerate() {
            let unit = Tensor::eye(count, DType::F32, &Device::Cpu)?.get(i)?.reshape(var.shape())?;
            let [above, below] = [0.01, -0.01].map(|step| {
                var.set(&(&weights + (&unit * step).unwrap()).unwrap()).unwrap();
                harness::numbers(&iwae.terms(&model.0, &model.1, 0.0, &mut Random::new(5)).unwrap().loss)[0]
            });
            let difference = (above - below) / 0.02;
            assert!((difference - gradient).abs() < 2e-3 * (1.0 + gradient.abs()), "{name}: {difference} {gradient}");
        }
        var.set(&weights)?;
    }
    Ok(())
}

/// DReG's gradient is IWAE's for the decoder, at the same draws; for the encoder it is so in the mean over many draws, within five
/// standard errors, and has less than half its variance.
#[test]
fn dreg_agrees_with_iwae() -> Result<()> {
    let model = tiny(2)?;
    let gradients = |doubly_reparameterized, seeds, part| -> Result<Tensor> {
        let iwae = Iwae { draws: 4, doubly_reparameterized };
        let rows = (0..seeds).map(|seed| gradient(iwae, &model, seed, part));
        Ok(Tensor::stack(&rows.collect::<Result<Vec<_>>>()?, 0)?)
    };
    let difference = (gradients(true, 5, "decoder")? - gradients(false, 5, "decoder")?)?;
    assert!(harness::numbers(&difference).iter().all(|difference| difference.abs() < 1e-4));
    let [iwae, dreg] = [gradients(false, 1000, "encoder")?, gradients(true, 1000, "encoder")?];
    let (mean, error) = mean_and_error(&(&dreg - &iwae)?)?;
    assert!(harness::numbers(&(mean / error)?).iter().all(|ratio| ratio.abs() < 5.0));
    let [iwae, dreg] = [iwae, dreg].map(|rows| harness::numbers(&rows.var(0).unwrap()).iter().sum::<f64>());
    assert!(dreg < 0.5 * iwae, "{dreg} {iwae}");
    Ok(())
}
