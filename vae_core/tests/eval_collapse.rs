//! What the code of a model is used for, of models whose code is known: a linear one, one that is given up, broken ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use vae_core::{
    eval::Diagnosis,
    objectives::EffectiveBeta,
    prelude::*,
    serde_json::{self, Value, json},
};

const CPU: Device = Device::Cpu;

/// q(z|x) = N(a·x + b, exp v) in each dimension, of items with as many numbers; x given back from the code, or a decoder that does without.
#[derive(Clone)]
struct Known {
    a: Tensor,
    b: Tensor,
    log_var: Tensor,
    /// By how much of the code the decoder's mean goes.
    used: f64,
    noise: f64,
    params: Params,
}

/// By (a, b, σ) of each dimension.
fn known(dimensions: &[[f64; 3]]) -> Known {
    let column = |f: &dyn Fn(&[f64; 3]) -> f64| {
        let values: Vec<f32> = dimensions.iter().map(|d| f(d) as f32).collect();
        Tensor::from_vec(values, (1, dimensions.len()), &CPU).unwrap()
    };
    let [a, b] = [0, 1].map(|k| column(&|d| d[k]));
    Known { a, b, log_var: column(&|d| 2.0 * d[2].ln()), used: 1.0, noise: 1.0, params: Params::new() }
}

impl Vae for Known {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        let mu = x.broadcast_mul(&self.a)?.broadcast_add(&self.b)?;
        let log_var = mu.zeros_like()?.broadcast_add(&self.log_var)?;
        Ok(Box::new(DiagonalGaussian::new(mu, log_var)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Gaussian::fixed((z * self.used)?, self.noise)?))
    }

    fn latent(&self) -> usize {
        self.a.elem_count()
    }

    fn shape(&self) -> Shape {
        self.latent().into()
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// So many items from N(0, I).
fn normal(items: usize, width: usize) -> Tensor {
    Random::new(7).normal((items, width), &CPU).unwrap()
}

fn examined(vae: &Known) -> Collapse {
    collapse(vae, &normal(6_000, vae.latent()), &CollapseConfig::default()).unwrap()
}

/// Of fewer items: enough for what is wrong.
fn glanced_at(vae: &Known) -> Collapse {
    collapse(vae, &normal(1_000, vae.latent()), &CollapseConfig { items: 500, seed: 1 }).unwrap()
}

fn diagnoses(found: &Collapse) -> Vec<Diagnosis> {
    found.findings().iter().map(|finding| finding.diagnosis).collect()
}

fn close(what: &str, got: f64, wanted: f64, tolerance: f64) {
    assert!((got - wanted).abs() <= tolerance, "{what}: expected {wanted:.4}, got {got:.4}");
}

/// KL of N(mean, variance) from the standard normal.
fn kl(mean: f64, variance: f64) -> f64 {
    0.5 * (variance + mean * mean - 1.0 - variance.ln())
}

/// A code whose aggregate is N(b, a² + σ²) by construction has the KLs, the information and the divergences of the formulas.
#[test]
fn closed_forms() {
    let dimensions = [[0.954, 0.0, 0.3], [1.5, 0.8, 0.5], [0.0, 0.0, 1.0]];
    let found = examined(&known(&dimensions));
    let x = normal(6_000, 3).to_vec2::<f32>().unwrap();
    let (mut information, mut marginals, mut whole) = (0.0, 0.0, 0.0);
    for (j, ([a, b, sigma], dimension)) in dimensions.into_iter().zip(&found.dimensions).enumerate() {
        // Of these items: their mean and variance are not exactly 0 and 1.
        let mean = x.iter().map(|x| f64::from(x[j])).sum::<f64>() / 6e3;
        let variance = x.iter().map(|x| (f64::from(x[j]) - mean).powi(2)).sum::<f64>() / 6e3;
        let (mean, variance) = (a * mean + b, a * a * variance);
        close("mean", dimension.mean, mean, 1e-5);
        close("variance of the mean", dimension.variance_of_mean, variance, 1e-5);
        close("mean variance", dimension.mean_variance, sigma * sigma, 1e-6);
        close(
            "KL",
            dimension.kl.unwrap(),
            kl(mean, variance + sigma * sigma) + 0.5 * (1.0 + variance / sigma / sigma).ln(),
            1e-4,
        );
        close("information", dimension.information.unwrap(), 0.5 * (1.0 + a * a / sigma / sigma).ln(), 0.04);
        close("marginal KL", dimension.marginal_kl.unwrap(), kl(mean, variance + sigma * sigma), 1e-5);
        assert_eq!(dimension.active(), a > 0.0);
        information += 0.5 * (1.0 + a * a / sigma / sigma).ln();
        marginals += kl(b, a * a + sigma * sigma);
        whole += dimension.kl.unwrap();
    }
    close("the KL is the sum of its dimensions", found.kl, whole, 1e-4);
    // ½ E[(x − z′)² − (x − z)²] = E[x z] = a in each dimension, z′ the code of another item.
    close("worth of the own code", found.code_worth(), 0.954 + 1.5, 0.15);
    let aggregate = found.aggregate.unwrap();
    // 2,000 items seen from a code of 2.3 nats: nearly no bias.
    close("mutual information", aggregate.mutual_information.mean, information, 0.12);
    close("marginal KL", aggregate.marginal_kl.unwrap().mean, marginals, 0.15);
    let (least, most) = found.mutual_information().unwrap();
    assert!(least <= information + 0.06 && information <= most + 0.06, "{information} in {least} to {most}");
    let (least, most) = found.marginal_kl().unwrap();
    assert!(least <= marginals + 0.1 && marginals <= most + 0.1, "{marginals} in {least} to {most}");
}

/// A code that names each item has the ceiling for its estimate, and the report says what the ceiling is.
#[test]
fn the_ceiling() {
    let found = examined(&known(&[[1.0, 0.0, 1e-3]; 4]));
    let mutual = found.aggregate.unwrap().mutual_information;
    close("mutual information", mutual.mean, 2_000f64.ln(), 1e-6);
    let (least, most) = found.mutual_information().unwrap();
    assert!(least < 7.61 && most > 20.0, "{least} to {most}");
    assert!(found.report().contains("ceiling 7.60"), "{found}");
    let few = collapse(&known(&[[1.0, 0.0, 1e-3]; 4]), &normal(400, 4), &CollapseConfig::default()).unwrap();
    close("of all there are", few.aggregate.unwrap().mutual_information.mean, 400f64.ln(), 1e-6);
}

/// The discrepancy is 0 within its error for codes that are distributed as the prior, whatever they tell, and positive for others.
#[test]
fn discrepancy() {
    let mmd = |a: f64, b: f64, sigma: f64| examined(&known(&[[a, b, sigma]; 5])).aggregate.unwrap().mmd.unwrap();
    for equal in [mmd(0.0, 0.0, 1.0), mmd(0.954, 0.0, 0.3)] {
        assert!(equal.mean.abs() < 4.0 * equal.error && equal.error < 3e-3, "{equal:?}");
    }
    for other in [mmd(0.954, 0.5, 0.3), mmd(2.0, 0.0, 0.3), mmd(0.2, 0.0, 0.3)] {
        assert!(other.mean > 5.0 * other.error, "{other:?}");
    }
}

/// Each illness is called by its name: collapse, pruning, an encoder with one answer, an autoencoder, waste, pixel noise, extremes, NaN.
#[test]
fn diagnoses_by_numbers() {
    use Diagnosis::*;
    let awake = [0.97, 0.0, 0.25];
    let asleep = [0.01, 0.0, 1.0];
    let fitting = |dimensions: &[[f64; 3]], noise: f64| Known { noise, ..known(dimensions) };

    assert_eq!(diagnoses(&glanced_at(&fitting(&[awake; 3], 0.06))), [Healthy]);
    let found = glanced_at(&fitting(&[awake, asleep, asleep, awake], 0.7));
    assert_eq!(diagnoses(&found), [Pruned, Healthy], "{found}");
    assert!(found.report().contains("2 of 4 dimensions are asleep: their posterior is the prior"), "{found}");

    let found = glanced_at(&Known { used: 0.0, ..known(&[asleep; 3]) });
    assert_eq!(diagnoses(&found), [Collapsed], "{found}");
    close("worth of a code that is not used", found.code_worth(), 0.0, 1e-9);

    let found = glanced_at(&fitting(&[awake, asleep, asleep], 0.7));
    assert_eq!(diagnoses(&found), [HardlyUsed, Pruned], "{found}");
    let found = glanced_at(&Known { used: 0.0, ..known(&[[0.0, 0.0, 1.0]; 3]) });
    assert_eq!(diagnoses(&found), [ConstantEncoder], "{found}");
    let found = glanced_at(&Known { used: 0.0, ..known(&[[0.01, 3.0, 1.0]; 3]) });
    assert_eq!(diagnoses(&found), [Collapsed, Wasted], "{found}");
    assert!(found.report().contains("13.5"), "{found}"); // 3 · 3²/2

    let found = glanced_at(&Known { used: 0.0, ..known(&[[30.0, 0.0, 0.01]; 3]) });
    assert_eq!(diagnoses(&found)[..3], [HugeKl, Narrow, FarFromPrior], "{found}");
    // Means that hardly move tell all the same when posteriors are narrower still.
    let found = glanced_at(&Known { used: 0.0, ..known(&[[0.05, 0.0, 0.001]; 3]) });
    assert_eq!(diagnoses(&found), [Narrow, FarFromPrior], "{found}");

    assert!(diagnoses(&glanced_at(&fitting(&[awake; 3], 0.5))).contains(&WideNoise));
    assert!(diagnoses(&glanced_at(&fitting(&[awake; 3], 0.006))).contains(&NarrowNoise));
    assert!(diagnoses(&glanced_at(&known(&[awake, [0.0, 0.0, 1e4]]))).contains(&ExtremeVariance));

    let found = glanced_at(&known(&[awake, [f64::NAN, 0.0, 1.0]]));
    assert_eq!((diagnoses(&found)[0], found.not_finite), (NotFinite, 1_000), "{found}");
    // Overflow of some: exp of a log-variance of 200 is infinite in float32.
    let found = glanced_at(&known(&[awake, [1.0, 0.0, 1e43]]));
    assert_eq!((diagnoses(&found)[0], found.not_finite), (NotFinite, 1_000), "{found}");
}

/// The numbers repeat with the seed, become JSON, and are drawn with the active dimensions told apart.
#[test]
fn repeats_and_is_shown() {
    let vae = known(&[[0.97, 0.0, 0.25], [0.01, 0.0, 1.0]]);
    let found = examined(&vae);
    assert_eq!(found, examined(&vae));
    let json: Value = serde_json::to_value(&found).unwrap();
    assert!(json["aggregate"]["mutual_information"]["mean"].is_f64() && json["dimensions"][1]["kl"].is_f64());
    let svg = found.plot().to_figure().to_svg();
    for text in ["1 of 2 dimensions active", "KL in nats", "rank of the dimension", "asleep"] {
        assert!(svg.contains(text), "{text}");
    }
}

/// q(z|x) of another type than the measures are made for, and a prior with a shape of its own.
struct Other(Known, bool);

/// Draws as a standard normal, and is none by its type.
struct Plain(DiagonalGaussian);

impl Distribution for Plain {
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        self.0.rsample(random)
    }

    fn log_prob(&self, x: &Tensor) -> Result<Tensor> {
        self.0.log_prob(x)
    }

    fn mean(&self) -> Result<Tensor> {
        self.0.mean()
    }
}

impl Vae for Other {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        let q = self.0.encode(x)?;
        Ok(if self.1 { Box::new(Plain(q.downcast::<DiagonalGaussian>()?.clone())) } else { q })
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        self.0.decode(z)
    }

    fn latent(&self) -> usize {
        self.0.latent()
    }

    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn params(&self) -> &Params {
        self.0.params()
    }

    fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Plain(DiagonalGaussian::standard((n, self.latent()), DType::F32, &CPU)?)))
    }
}

/// A prior of any type has the same total, by estimates; only its parts are missing. A posterior of another type is refused.
#[test]
fn other_distributions() {
    let (vae, x) = (known(&[[0.954, 0.0, 0.3], [1.5, 0.8, 0.5]]), normal(6_000, 2));
    let (config, exact) = (CollapseConfig::default(), examined(&vae));
    let found = collapse(&Other(vae.clone(), false), &x, &config).unwrap();
    close("KL", found.kl, exact.kl, 0.1);
    assert_eq!((found.dimensions[0].kl, found.dimensions[0].marginal_kl), (None, None));
    let [ours, wanted] = [&found, &exact].map(|found| found.aggregate.unwrap().marginal_kl.unwrap().mean);
    close("marginal KL", ours, wanted, 1e-6);
    assert!(found.plot().to_figure().to_svg().contains("I(x; zⱼ) in nats"));
    let message = collapse(&Other(vae, true), &x, &config).unwrap_err().to_string();
    assert_eq!(message, "expected a distribution of type DiagonalGaussian, got Plain");
}

/// Reductions as people write them.
struct Written {
    pixels: f64,
    kl: f64,
}

impl Objective for Written {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let q = vae.encode(&batch.x)?;
        let z = q.sample(noise)?;
        let reconstruction = vae.decode(&z)?.log_prob(&batch.x)?.mean_all()?;
        let kl = q.kl(&vae.prior(batch.len())?, &z)?.mean_all()?;
        Ok(Terms::new(((&kl * self.kl)? - (&reconstruction * self.pixels)?)?, reconstruction, kl, 1.0))
    }

    fn config(&self) -> Value {
        json!({ "objective": "written" })
    }
}

/// Of a small model that is not trained.
fn beta(objective: &dyn Objective) -> Result<EffectiveBeta> {
    let vae = MlpVae::new(MlpVaeConfig { hidden: vec![32], latent: 4, ..Default::default() }, &CPU, 1).unwrap();
    let digits = data::digits(&CPU).unwrap();
    effective_beta(objective, &vae, &digits.train.batch(&(0..64).collect::<Vec<_>>()).unwrap(), 3)
}

/// The gradient tells how a loss weights its two terms: means where sums belong, a wrong sign, no KL, and other terms beside.
#[test]
fn effective_betas() {
    for (pixels, kl) in [(1.0, 1.0), (1.0 / 784.0, 1.0), (1.0, 1.0 / 128.0), (1.0, -1.0), (1.0, 0.0), (2.0, 8.0)] {
        let found = beta(&Written { pixels, kl }).unwrap();
        let tolerance = 2e-3 * (kl / pixels).abs() + 1e-5;
        close("β", found.beta, kl / pixels, tolerance);
        close("scale", found.scale, pixels, 1e-3 * pixels);
        assert!(found.unexplained < 1e-5, "{found:?}");
    }
    assert_eq!(beta(&Written { pixels: 1.0 / 784.0, kl: 1.0 }).unwrap().to_string(), "effective β = 784.00");
    let found = beta(&BetaTcVae { beta: 200.0, dataset: 1_000, ..Default::default() }).unwrap();
    assert!(found.unexplained > 0.5 && found.to_string().contains("is no KL"), "{found}");
    let message = beta(&Written { pixels: 0.0, kl: 1.0 }).unwrap_err().to_string();
    assert_eq!(message, "the loss does not contain the reconstruction, so that its KL has no β");
}
