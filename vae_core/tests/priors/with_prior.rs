//! Models with a learned prior.

use vae_core::{models, nn, prelude::*};

use crate::{
    CPU,
    double::{Double, in_float64},
    harness, numbers,
};

/// A small one of each.
fn families() -> [PriorFamily; 3] {
    [
        PriorFamily::Mixture { components: 16 },
        PriorFamily::Vamp { components: 16 },
        PriorFamily::RealNvp { couplings: 4, hidden: vec![32] },
    ]
}

const VAMP: PriorFamily = PriorFamily::Vamp { components: 3 };

/// Codes of an odd width.
fn config() -> MlpVaeConfig {
    MlpVaeConfig { hidden: vec![64], latent: 5, ..Default::default() }
}

fn mlp() -> MlpVae {
    MlpVae::new(config(), &CPU, 1).unwrap()
}

fn tiny(observation: Observation) -> MlpVae {
    let config =
        MlpVaeConfig { image: (1, 2, 2), hidden: vec![5], latent: 3, activation: Activation::Tanh, observation };
    MlpVae::new(config, &CPU, 1).unwrap()
}

fn with<V: Vae>(vae: V, family: &PriorFamily) -> WithPrior<V> {
    WithPrior::new(vae, family.clone(), 2).unwrap()
}

fn digits() -> Images {
    data::digits(&CPU).unwrap().train.take(512)
}

fn conditional(told: Told, prior: Prior) -> ConditionalVae {
    let config = ConditionalVaeConfig { network: config().into(), told, prior, ..Default::default() };
    ConditionalVae::new(config, &CPU, 1).unwrap()
}

fn said<T>(result: Result<T>) -> String {
    result.err().unwrap().to_string()
}

/// Every family is trained with its model and resumed bit for bit; the table has its rows; what was learned is nearer to the codes than N(0, I)
/// is, which it stands for in the model inside; and pictures come of it.
#[test]
fn all_are_learned() -> Result<()> {
    let digits = digits();
    for family in families() {
        let vae = || {
            let mut vae = with(mlp(), &family);
            vae.initialize(&digits, 3).unwrap();
            vae
        };
        let settings = |trainer: Trainer| trainer.learning_rate(1e-2).validation(64);
        let (trained, history) = harness::trains_and_resumes(vae, Elbo::default, &digits, settings);
        assert!(history.epochs[3].train.elbo > history.epochs[0].train.elbo + 50.0, "{history}");
        let elbo = |vae: &dyn Vae| evaluate(&Elbo::default(), vae, &digits, false, 1).map(|means| means.elbo);
        assert!(elbo(&trained)? > elbo(trained.inner())? + 0.5, "{family:?}");
        for ((name, now), (_, before)) in trained.params().iter().zip(vae().params().iter()) {
            let moved = numbers(&(now.as_tensor() - before.as_tensor())?.abs()?.mean_all()?)[0];
            assert!(moved > 1e-4, "{family:?} {name}");
        }
        assert_eq!(trained.generate(3, &mut Random::new(1))?.dims(), [3, 1, 28, 28]);
        assert_eq!(trained.inner().encode(&digits.tensor()?)?.mu().dims(), [512, 5]);
    }
    Ok(())
}

/// Convolutions, a box, and p(x|y) with the prior that knows no y are trained and resumed in the same way.
#[test]
fn around_any_model() -> Result<()> {
    let digits = digits().take(160);
    let improves =
        |history: &History| assert!(history.epochs[3].train.elbo > history.epochs[0].train.elbo, "{history}");
    let conv = || ConvVae::new(ConvVaeConfig::mirrored((1, 28, 28), &[(4, 2), (8, 2)], 5).unwrap(), &CPU, 1).unwrap();
    let [mixture, vamp, flow] = families();
    improves(&harness::trains_and_resumes(|| with(conv(), &vamp), Elbo::default, &digits, |trainer| trainer).1);
    let boxed = || with(Box::new(mlp()) as Box<dyn Vae>, &mixture);
    improves(&harness::trains_and_resumes(boxed, Elbo::default, &digits, |trainer| trainer).1);
    for (told, family) in [(Told::Both, &flow), (Told::Both, &mixture), (Told::Decoder, &vamp)] {
        let vae = || with(conditional(told, Prior::Standard), family);
        let (trained, history) = harness::trains_and_resumes(vae, Elbo::default, &digits, |trainer| trainer);
        improves(&history);
        let given = trained.given(&Tensor::new(&[7u32], &CPU)?)?;
        let z = Random::new(1).normal((4, 5), &CPU)?;
        let [own, of_sevens] = [trained.prior(4)?, given.prior(4)?].map(|p| p.log_prob(&z).map(|x| numbers(&x)));
        assert_eq!(own?, of_sevens?);
        let own = trained.inner().given(&Tensor::new(&[7u32], &CPU)?)?;
        assert_eq!(numbers(&given.decode(&z)?.mean()?), numbers(&own.decode(&z)?.mean()?));
        assert_eq!(given.generate(2, &mut Random::new(1))?.dims(), [2, 1, 28, 28]);
    }
    Ok(())
}

/// Before training a flow is N(0, I), to the digit; a mixture has its variance in each dimension, from parts that differ.
#[test]
fn they_begin_near_the_standard_normal() -> Result<()> {
    let z = Random::new(4).normal((500, 5), &CPU)?;
    let standard = DiagonalGaussian::standard_like(&z)?.log_prob(&z)?;
    let [_, _, flow] = families();
    check::close("a flow", &with(mlp(), &flow).prior(500)?.log_prob(&z)?, &standard, 1e-6)?;
    let vae = with(mlp(), &PriorFamily::Mixture { components: 400 });
    let draws = vae.prior(100_000)?.sample(&mut Random::new(1))?;
    for (mean, variance) in numbers(&draws.mean(0)?).into_iter().zip(numbers(&draws.var(0)?)) {
        assert!(mean.abs() < 0.1 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
    }
    let lost = numbers(&(standard - vae.prior(500)?.log_prob(&z)?)?.mean_all()?)[0];
    assert!(lost.abs() < 0.2, "{lost} nats");
    let prior = vae.prior(1)?;
    assert!(numbers(&prior.downcast::<Mixture>()?.parts().mu().var(0)?).iter().all(|&variance| variance > 0.15));
    Ok(())
}

/// Losses and gradients of everything, the encoder through the VampPrior included, are those of the same model in float64, and these those of
/// differences.
#[test]
fn gradients() -> Result<()> {
    let observation = Observation::Gaussian { variance: 0.3 };
    let flow = PriorFamily::RealNvp { couplings: 3, hidden: vec![4] };
    let config =
        MlpVaeConfig { image: (1, 2, 2), hidden: vec![5], latent: 3, activation: Activation::Tanh, observation };
    for (family, observation) in [
        (PriorFamily::Mixture { components: 4 }, observation),
        (VAMP, observation),
        (VAMP, Observation::Bernoulli),
        (flow, observation),
    ] {
        let (config, vae) = (MlpVaeConfig { observation, ..config.clone() }, tiny(observation));
        let exact = with(Double::mlp(&vae, &config), &family);
        let vae = with(vae, &family);
        for (name, var) in vae.params().iter().filter(|(name, _)| name.starts_with("prior.")) {
            var.set(&(Random::new(name.len() as u64).normal(var.shape(), &CPU)? * 0.5)?)?; // a flow is no longer the identity
        }
        exact.params().restore(&in_float64(vae.params()).snapshot()?)?;
        let x = Random::new(3).uniform((6, 1, 2, 2), &CPU)?;
        let loss = |vae: &dyn Vae, x: Tensor| {
            let terms = Elbo::default().terms(vae, &Batch { x, y: None }, 0.0, &mut Random::new(4));
            terms.map(|terms| terms.loss)
        };
        let in_double = || loss(&exact, x.to_dtype(DType::F64)?);
        let vars: Vec<_> = exact.params().iter().collect();
        crate::gradients_are_those_of_differences(&vars, in_double)?;
        let (own, reference) = (nn::backward(&loss(&vae, x.clone())?)?, in_double()?.backward()?);
        for ((name, var), (_, exact)) in vae.params().iter().zip(vars) {
            check::close(name, crate::double(&own.get(var)?.unwrap()), reference.get(exact).unwrap(), 1e-4)?;
        }
    }
    Ok(())
}

/// The gradient of the ELBO reaches every pseudo-input, through the prior alone.
#[test]
fn gradient_reaches_pseudo_inputs() -> Result<()> {
    let vae = with(tiny(Observation::Bernoulli), &VAMP);
    let raw = vae.params().get("prior.pseudo_inputs").unwrap();
    let batch = Batch { x: Random::new(3).uniform((8, 1, 2, 2), &CPU)?, y: None };
    let terms = Elbo::default().terms(&vae, &batch, 0.0, &mut Random::new(4))?;
    let gradient = |term: &Tensor| nn::backward(term)?.get(raw);
    let of_kl = gradient(&terms.kl)?.unwrap();
    assert!(numbers(&of_kl.flatten_from(1)?.abs()?.sum(1)?).iter().all(|&size| size > 1e-6));
    check::close("of the loss", gradient(&terms.loss)?.unwrap(), &of_kl, 1e-7)?;
    assert!(gradient(&terms.reconstruction)?.is_none());
    Ok(())
}

/// Pseudo-inputs begin as items: within what a sigmoid needs of pixels, exactly but for the noise where p(x|z) has no bounds, each once while there are
/// enough; the other priors stay as they are.
#[test]
fn pseudo_inputs_begin_as_items() -> Result<()> {
    let items = Tensor::from_vec((0..5 * 4).map(|i| (i * 7 % 20) as f32 / 19.0).collect(), (5, 1, 2, 2), &CPU)?;
    for (observation, within) in [(Observation::Bernoulli, 0.06), (Observation::GaussianLearned, 0.06)] {
        for components in [5, 8] {
            let mut vae = with(tiny(observation), &PriorFamily::Vamp { components });
            vae.initialize(&items, 9)?;
            let found = vae.pseudo_inputs()?.unwrap().flatten_from(1)?.to_vec2::<f32>()?;
            let items = items.flatten_from(1)?.to_vec2::<f32>()?;
            let is = |u: &[f32], x: &[f32]| u.iter().zip(x).all(|(u, x)| (u - x).abs() < within);
            let of: Vec<usize> = found.iter().map(|u| items.iter().position(|x| is(u, x)).unwrap()).collect();
            let times = |item| of.iter().filter(|&&other| other == item).count();
            assert!((0..5).all(|item| (1..=components.div_ceil(5)).contains(&times(item))), "{of:?}");
            assert!(found.iter().enumerate().all(|(i, u)| !found[..i].contains(u)), "two are the same");
        }
    }
    let mut vae = with(tiny(Observation::Bernoulli), &VAMP);
    assert!(said(vae.initialize(&items.narrow(0, 0, 0)?, 1)).contains("there are no items"));
    assert!(said(vae.initialize(&items.reshape((5, 4, 1, 1))?, 1)).contains("expected shape [3, 1, 2, 2]"));
    let [mixture, _, flow] = families();
    for family in [mixture, flow] {
        let mut vae = with(tiny(Observation::Bernoulli), &family);
        let before = vae.params().snapshot()?;
        vae.initialize(&items, 1)?;
        assert!(vae.params().iter().all(|(name, var)| numbers(var) == numbers(&before[name])));
        assert!(vae.pseudo_inputs()?.is_none());
    }
    Ok(())
}

/// A saved model opens with the same bits, whatever is inside and whether its kind is known or not; what it was given comes with it, and a
/// detector has it.
#[test]
fn files_come_back() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (z, seven, digits) = (Random::new(2).normal((4, 5), &CPU)?, Tensor::new(&[7u32], &CPU)?, digits().take(100));
    for family in families() {
        let inside: [Box<dyn Vae>; 3] = [
            Box::new(mlp()),
            Box::new(conditional(Told::Decoder, Prior::Standard)),
            Box::new(conditional(Told::Decoder, Prior::Standard).given(&seven)?),
        ];
        for inside in inside {
            let mut vae = with(inside, &family);
            vae.initialize(&digits, 1)?;
            vae.save(&path)?;
            let bits = |vae: &dyn Vae| -> Result<_> {
                let vae = vae.given(&seven)?;
                let draws = vae.prior(4)?.sample(&mut Random::new(1))?;
                Ok([numbers(&vae.prior(4)?.log_prob(&z)?), numbers(&draws), numbers(&vae.decode(&z)?.mean()?)])
            };
            let wanted = bits(&vae)?;
            for opened in [models::open(&path, &CPU)?, Box::new(WithPrior::open(&path, &CPU)?)] {
                assert_eq!(bits(&opened)?, wanted);
                assert_eq!(opened.config(), vae.config());
            }
            let given = vae.given(&seven)?;
            given.save(&path)?;
            assert_eq!(bits(&models::open(&path, &CPU)?)?, wanted);

            let settings = DetectorConfig { samples: 2, false_positive_rate: 0.1, ..Default::default() };
            let detector = Detector::fit(&given, &digits, settings)?;
            detector.save(&path)?;
            assert_eq!(Detector::load(&path, &CPU)?.scores(&digits)?, detector.scores(&digits)?);
            assert!(said(WithPrior::open(&path, &CPU)).contains("\"with-prior\""));
        }
        with(mlp(), &family).save(&path)?;
        assert!(said(with(mlp(), &PriorFamily::Vamp { components: 7 }).load(&path)).contains("components"));
    }
    mlp().save(&path)?;
    assert!(said(WithPrior::open(&path, &CPU)).contains("expected a model of kind \"with-prior\", got \"mlp\""));
    assert!(models::register("with-prior", |_, _| unreachable!()).is_err());
    Ok(())
}

/// A score does not depend on the images beside it.
#[test]
fn scores_are_of_single_images() -> Result<()> {
    let digits = digits().take(7);
    for family in families() {
        let vae = with(mlp(), &family);
        for score in [Score::NegativeElbo, Score::Kl, Score::NegativeLogLikelihood] {
            let all = scores(&vae, &digits, score, 3, 1)?;
            let alone = scores(&vae, &digits.select(&[5])?, score, 3, 1)?;
            assert!((all[5] - alone[0]).abs() < 1e-3, "{family:?} {score:?}: {} {}", all[5], alone[0]);
        }
    }
    Ok(())
}

/// What cannot be is refused, with the way out: an encoder that needs y or has other posteriors, a second learned prior, a flow in one dimension.
#[test]
fn misuse_is_refused() {
    let vamp = |vae: Box<dyn Vae>| said(WithPrior::new(vae, VAMP, 1));
    let told = conditional(Told::Both, Prior::Standard);
    let message = vamp(Box::new(told.clone()));
    assert!(message.contains("Told::Decoder") && message.contains("call vae.given(&y)?"), "{message}");
    assert!(WithPrior::new(told.given(&Tensor::new(&[7u32], &CPU).unwrap()).unwrap(), VAMP, 1).is_ok());
    let learned = conditional(Told::Decoder, Prior::Learned { hidden: vec![] });
    assert!(vamp(Box::new(learned)).contains("learns a prior already (prior.fc_mu.weight)"));
    assert!(vamp(Box::new(with(mlp(), &VAMP))).contains("learns a prior already (prior.pseudo_inputs)"));
    let line = MlpVae::new(MlpVaeConfig { latent: 1, ..config() }, &CPU, 1).unwrap();
    let [.., flow] = families();
    assert!(said(WithPrior::new(line, flow, 1)).contains("2 dimensions or more, got 1"));
}
