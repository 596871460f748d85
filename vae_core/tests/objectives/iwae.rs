//! The importance-weighted bound and its gradients.

use super::harness;
use vae_core::{nn, prelude::*};

const ALL: [Estimator; 3] =
    [Estimator::Reparameterized, Estimator::StickingTheLanding, Estimator::DoublyReparameterized];

/// Digits are learned with every gradient, and the bound is above the ELBO.
#[test]
fn trains_on_its_bound() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(512);
    let config = MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() };
    let vae = || MlpVae::new(config.clone(), &Device::Cpu, 1).unwrap();
    for estimator in ALL {
        let iwae = || Iwae { samples: 5, estimator };
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
    let iwae = Iwae { samples: 20, ..Default::default() };
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
    let bounds = [1, 2, 8, 64].map(|samples| {
        let iwae = Iwae { samples, ..Default::default() };
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
    let (iwae, model) = (Iwae { samples: 4, ..Default::default() }, tiny(3)?);
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

/// The gradients of one batch for many seeds, (seeds, P).
fn gradients(iwae: Iwae, model: &(MlpVae, Batch), seeds: u64, part: &str) -> Result<Tensor> {
    let rows = (0..seeds).map(|seed| gradient(iwae, model, seed, part));
    Ok(Tensor::stack(&rows.collect::<Result<Vec<_>>>()?, 0)?)
}

/// At the same draws, every estimator has the same gradient for the decoder.
#[test]
fn the_decoder_does_not_care() -> Result<()> {
    let model = tiny(2)?;
    let of = |estimator| gradients(Iwae { samples: 4, estimator }, &model, 5, "decoder");
    let reference = of(Estimator::Reparameterized)?;
    for estimator in ALL {
        let difference = (of(estimator)? - &reference)?;
        assert!(harness::numbers(&difference).iter().all(|difference| difference.abs() < 1e-4), "{estimator:?}");
    }
    Ok(())
}

/// DReG's gradient for the encoder is IWAE's in the mean over many draws, within five standard errors, and has less than half its
/// variance; sticking the landing is as unbiased for one draw, and for four is not: it is off by more than five errors.
#[test]
fn which_are_unbiased() -> Result<()> {
    let model = tiny(2)?;
    let of = |samples, estimator| gradients(Iwae { samples, estimator }, &model, 2000, "encoder");
    let variance = |rows: &Tensor| harness::numbers(&rows.var(0).unwrap()).iter().sum::<f64>();
    let farthest = |a: &Tensor, b: &Tensor| -> Result<f64> {
        let ((a, error_a), (b, error_b)) = (mean_and_error(a)?, mean_and_error(b)?);
        let ratio = ((a - b)? / (error_a.sqr()? + error_b.sqr()?)?.sqrt()?)?;
        Ok(harness::numbers(&ratio).iter().fold(0.0, |most: f64, ratio| most.max(ratio.abs())))
    };
    let [iwae, landing, dreg] = ALL.map(|estimator| of(4, estimator).unwrap());
    assert!(farthest(&dreg, &iwae)? < 5.0, "{}", farthest(&dreg, &iwae)?);
    assert!(variance(&dreg) < 0.5 * variance(&iwae), "{} {}", variance(&dreg), variance(&iwae));
    assert!(farthest(&landing, &dreg)? > 5.0, "{}", farthest(&landing, &dreg)?);
    let [elbo, landing, dreg] = ALL.map(|estimator| of(1, estimator).unwrap());
    assert!(farthest(&landing, &elbo)? < 5.0, "{}", farthest(&landing, &elbo)?);
    assert_eq!(harness::numbers(&landing), harness::numbers(&dreg));
    Ok(())
}

/// With more draws, the encoder's gradient of the bound sinks in its noise, and DReG's rises above it (Rainforth et al. 2018; Tucker
/// et al. 2019): mean over standard deviation, over all weights of the encoder. 16 times as many draws make at the most a quarter of it,
/// in the limit of many; from 4 to 64 it is two thirds here.
#[test]
fn signal_to_noise() -> Result<()> {
    let model = tiny(1)?;
    let ratio = |samples, estimator| -> Result<f64> {
        let rows = gradients(Iwae { samples, estimator }, &model, 600, "encoder")?;
        let (signal, noise) = (rows.mean(0)?.sqr()?.sum_all()?, rows.var(0)?.sum_all()?);
        Ok((signal / noise)?.sqrt()?.to_scalar::<f64>()?)
    };
    let [few, many] = [4, 64].map(|samples| ratio(samples, Estimator::Reparameterized).unwrap());
    assert!(many < 0.8 * few, "{few} {many}");
    let [few, many] = [4, 64].map(|samples| ratio(samples, Estimator::DoublyReparameterized).unwrap());
    assert!(many > few, "{few} {many}");
    Ok(())
}
