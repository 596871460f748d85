//! Every gradient against central differences in float64: of objectives, models and layers. The models of this crate are in
//! float32, so the differences are taken on [`Double`], the same architecture written out in candle's operations.
//! `VAE_CORE_THOROUGH=1` tries all combinations, at more places.
#![allow(clippy::unwrap_used)]

mod double;

use double::{Double, Step, forward};
use vae_core::{nn, prelude::*};

const CPU: Device = Device::Cpu;
/// Half the length of a difference. Rounding gives an error of some 1e-8 there, and hardly a unit has its kink so near.
const STEP: f64 = 1e-6;

/// Whether to take the time for all combinations and more places.
fn thorough() -> bool {
    std::env::var_os("VAE_CORE_THOROUGH").is_some()
}

fn values(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn number(t: &Tensor) -> f64 {
    values(t)[0]
}

/// d f / d var[at] by a central difference; `var` is float64 and comes back as it was.
fn difference(var: &Var, at: usize, f: impl Fn() -> Tensor) -> f64 {
    let before = values(var);
    let [up, down] = [STEP, -STEP].map(|step| {
        let mut moved = before.clone();
        moved[at] += step;
        var.set(&Tensor::from_vec(moved, var.shape(), &CPU).unwrap()).unwrap();
        number(&f())
    });
    var.set(&Tensor::from_vec(before, var.shape(), &CPU).unwrap()).unwrap();
    (up - down) / (2.0 * STEP)
}

/// Compares gradients of `f` by `var`, each with the error it may have, with differences: at the largest and at `tries` random
/// places. Returns the largest error of each, relative to the largest gradient.
fn errors<const N: usize>(
    what: &str,
    gradients: [(&Tensor, f64); N],
    var: &Var,
    f: impl Fn() -> Tensor,
    tries: usize,
    random: &mut Random,
) -> [f64; N] {
    let numbers = gradients.map(|(gradient, _)| values(gradient));
    let size = |i: usize| numbers[0][i].abs();
    let largest = (0..numbers[0].len()).max_by(|&i, &j| size(i).total_cmp(&size(j))).unwrap();
    assert!(size(largest) > 0.0, "{what} has no gradient");
    let mut worst = [0.0f64; N];
    for i in 0..=tries {
        let at = if i == 0 { largest } else { random.below(numbers[0].len()) };
        let numeric = difference(var, at, &f);
        for (worst, numbers) in worst.iter_mut().zip(&numbers) {
            *worst = worst.max((numbers[at] - numeric).abs() / size(largest));
        }
    }
    for (worst, (gradient, allowed)) in worst.iter().zip(gradients) {
        assert!(*worst < allowed, "{what}: {:?} differs by {worst:.1e}, allowed {allowed:.0e}", gradient.dtype());
    }
    worst
}

/// The loss of an objective on both sides, and the errors of all gradients.
fn check(vae: &dyn Vae, double: &Double, objective: &dyn Objective, random: &mut Random) -> [f64; 2] {
    let shape = [&[4], vae.shape().dims()].concat();
    let images = random.uniform(shape, &CPU).unwrap();
    let batches = [DType::F32, DType::F64].map(|dtype| Batch { x: images.to_dtype(dtype).unwrap(), y: None });
    let loss = |vae: &dyn Vae, batch| objective.terms(vae, batch, 1.0, &mut Random::new(5)).unwrap().loss;
    let (single, in_double) = (loss(vae, &batches[0]), loss(double, &batches[1]));
    let (a, b) = (number(&single), number(&in_double));
    assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{}: {a} {b}", objective.config());
    let gradients = (nn::backward(&single).unwrap(), in_double.backward().unwrap());
    let mut worst = [0.0f64; 2];
    let tries = if thorough() { 10 } else { 1 };
    for ((name, var), (_, var64)) in vae.params().iter().zip(double.params().iter()) {
        let what = format!("{} {} {name}", vae.config(), objective.config());
        let (g, g64) = (gradients.0.get(var).unwrap().unwrap(), gradients.1.get(var64).unwrap());
        let own = errors(&what, [(&g, 1e-4), (g64, 1e-5)], var64, || loss(double, &batches[1]), tries, random);
        worst = [worst[0].max(own[0]), worst[1].max(own[1])];
    }
    worst
}

/// Every objective on every model with every observation: float32 gradients of the library to 1e-4, float64 ones by candle's
/// operations to 1e-5 of each parameter's largest.
#[test]
fn objectives_and_models() {
    let corruption = Corruption::Gaussian { std: 0.3 };
    let elbo = Elbo { beta: 0.7, warmup_epochs: 4.0, ..Default::default() };
    let beta_tc = BetaTcVae { alpha: 0.5, beta: 3.0, gamma: 2.0, dataset: 50, sampling: Sampling::Stratified };
    let objectives: [&dyn Objective; 6] = [
        &elbo,
        &Capacity { gamma: 3.0, capacity: 9.0, epochs: 2.0 },
        &beta_tc,
        &BetaTcVae { sampling: Sampling::Weighted, ..beta_tc },
        &Denoising { corruption, elbo, criterion: Criterion::Plain },
        &Denoising { corruption, elbo, criterion: Criterion::Mixture { draws: 3 } },
    ];
    let random = &mut Random::new(1);
    let mut worst = [0.0f64; 2];
    let activations = [Activation::Relu, Activation::LeakyRelu(0.1), Activation::Tanh];
    let observations = [
        Observation::Bernoulli,
        Observation::ContinuousBernoulli,
        Observation::Gaussian { variance: 0.3 },
        Observation::GaussianLearned,
    ];
    for (i, observation) in observations.into_iter().enumerate() {
        let some = if thorough() { &activations[..] } else { &activations[i % 3..][..1] };
        for &activation in some {
            let mlp = MlpVaeConfig { image: (2, 3, 4), hidden: vec![9, 7], latent: 3, activation, observation };
            let conv = ConvVaeConfig {
                activation,
                observation,
                ..ConvVaeConfig::mirrored((2, 8, 4), &[(4, 2), (5, 2)], 3).unwrap()
            };
            let pairs: [(Box<dyn Vae>, Double); 2] = [
                {
                    let vae = MlpVae::new(mlp.clone(), &CPU, 3).unwrap();
                    let double = Double::mlp(&vae, &mlp);
                    (Box::new(vae), double)
                },
                {
                    let vae = ConvVae::new(conv.clone(), &CPU, 3).unwrap();
                    let double = Double::conv(&vae, &conv);
                    (Box::new(vae), double)
                },
            ];
            for (vae, double) in &pairs {
                for objective in objectives {
                    let own = check(vae.as_ref(), double, objective, random);
                    worst = [worst[0].max(own[0]), worst[1].max(own[1])];
                }
            }
        }
    }
    println!(
        "largest errors relative to a parameter's largest gradient: float32 {:.1e}, float64 {:.1e}",
        worst[0], worst[1]
    );
}

/// The same architecture in float64 as a [`FactorVae`], and the codes to shuffle for its discriminator.
struct Factor<'a> {
    gamma: f64,
    discriminator: &'a Params,
}

impl Factor<'_> {
    fn logits(&self, z: &Tensor) -> Tensor {
        let leaky = Step::Activation(Activation::LeakyRelu(0.2));
        let steps = [Step::Linear("fc1".into()), leaky, Step::Linear("fc2".into())];
        forward(&steps, z, self.discriminator).unwrap()
    }

    /// The loss of the model and that of the critic.
    fn losses(&self, vae: &Double, x: &Tensor, noise: &mut Random) -> [Tensor; 2] {
        let q = vae.encode(x).unwrap();
        let z = q.sample(noise).unwrap();
        let (items, width) = z.dims2().unwrap();
        let columns = (0..width).map(|j| {
            let order: Vec<u32> = noise.permutation(items).into_iter().map(|i| i as u32).collect();
            z.narrow(1, j, 1)
                .unwrap()
                .contiguous()
                .unwrap()
                .index_select(&Tensor::new(order, &CPU).unwrap(), 0)
                .unwrap()
        });
        let shuffled = Tensor::cat(&columns.collect::<Vec<_>>(), 1).unwrap().detach();
        let elbo =
            (vae.decode(&z).unwrap().log_prob(x).unwrap() - q.kl(&vae.prior(items).unwrap(), &z).unwrap()).unwrap();
        let total_correlation = self.logits(&z).mean_all().unwrap();
        let loss = ((total_correlation * self.gamma).unwrap() - elbo.mean_all().unwrap()).unwrap();
        // ln(1 + eˣ) of −logit for codes, of logit for shuffled ones.
        let softplus = |x: Tensor| (x.exp().unwrap() + 1.0).unwrap().log().unwrap().mean_all().unwrap();
        let [own, others] = [self.logits(&z.detach()).neg().unwrap(), self.logits(&shuffled)].map(softplus);
        [loss, ((own + others).unwrap() * 0.5).unwrap()]
    }
}

/// Both losses of a FactorVAE, each over its own weights, against its formulas in float64: float32 gradients to 1e-4.
#[test]
fn factor_and_its_critic() {
    let random = &mut Random::new(6);
    let config = MlpVaeConfig {
        image: (1, 3, 4),
        hidden: vec![9],
        latent: 3,
        activation: Activation::Tanh,
        ..Default::default()
    };
    let vae = MlpVae::new(config.clone(), &CPU, 3).unwrap();
    let double = Double::mlp(&vae, &config);
    let objective =
        FactorVae::new(FactorVaeConfig { gamma: 5.0, latent: 3, hidden: vec![7], ..Default::default() }, &CPU, 4)
            .unwrap();
    let critic = objective.critic().unwrap().0;
    let discriminator = double::in_float64(critic);
    let factor = Factor { gamma: 5.0, discriminator: &discriminator };
    let x = random.uniform((6, 1, 3, 4), &CPU).unwrap();
    let terms = objective.terms(&vae, &Batch { x: x.clone(), y: None }, 0.0, &mut Random::new(5)).unwrap();
    let x64 = x.to_dtype(DType::F64).unwrap();
    let own = [terms.loss, terms.critic.unwrap()];
    let pairs = [(vae.params(), double.params()), (critic, &discriminator)];
    for (i, (params, params64)) in pairs.into_iter().enumerate() {
        let loss64 = || factor.losses(&double, &x64, &mut Random::new(5))[i].clone();
        assert!((number(&own[i]) - number(&loss64())).abs() < 1e-5 * (1.0 + number(&own[i]).abs()));
        let gradients = nn::backward(&own[i]).unwrap();
        for ((name, var), (_, var64)) in params.iter().zip(params64.iter()) {
            let gradient = gradients.get(var).unwrap().unwrap();
            errors(name, [(&gradient, 1e-4)], var64, loss64, 3, random);
        }
    }
}

/// Layers by themselves and chained, with the gradient of their input: strides, paddings, dilations and output paddings.
#[test]
fn layers() {
    let random = &mut Random::new(2);
    let mut params = Params::new();
    let down = Conv2dConfig { stride: 2, padding: 2, dilation: 2, ..Conv2dConfig::new(3, 4, 3) };
    let up = ConvTranspose2dConfig { stride: 3, padding: 1, output_padding: 2, ..ConvTranspose2dConfig::new(4, 2, 3) };
    let wide = ConvTranspose2dConfig { dilation: 2, output_padding: 1, ..ConvTranspose2dConfig::new(3, 2, 2) };
    let conv = |name: &str, config, params: &mut Params, random: &mut Random| -> Layer {
        Conv2d::new(params, name, config, random, &CPU).unwrap().into()
    };
    let transposed = |name: &str, config, params: &mut Params, random: &mut Random| -> Layer {
        ConvTranspose2d::new(params, name, config, random, &CPU).unwrap().into()
    };
    let linear = |name: &str, i, o, params: &mut Params, random: &mut Random| -> Layer {
        Linear::new(params, name, i, o, random, &CPU).unwrap().into()
    };
    type Chain = Vec<(Layer, Step)>;
    let cases: [(&[usize], Chain); 5] = [
        (&[5, 7], vec![(linear("a", 7, 6, &mut params, random), Step::Linear("a".into()))]),
        (&[2, 3, 8, 7], vec![(conv("b", down, &mut params, random), Step::Conv("b".into(), down))]),
        (&[2, 4, 3, 2], vec![(transposed("c", up, &mut params, random), Step::Up("c".into(), up))]),
        (&[2, 3, 4, 3], vec![(transposed("d", wide, &mut params, random), Step::Up("d".into(), wide))]),
        (
            &[3, 3, 8, 7],
            vec![
                (conv("e", down, &mut params, random), Step::Conv("e".into(), down)),
                (Layer::Flatten, Step::Flatten),
                (linear("f", 64, 64, &mut params, random), Step::Linear("f".into())),
                (Layer::Unflatten(4, 4, 4), Step::Unflatten(4, 4, 4)),
                (transposed("g", up, &mut params, random), Step::Up("g".into(), up)),
            ],
        ),
    ];
    let double = double::in_float64(&params);
    for activation in [Activation::Relu, Activation::LeakyRelu(0.2), Activation::Tanh] {
        for (shape, layers) in &cases {
            let (mut stack, mut steps) = (Stack::new(), vec![]);
            for (layer, step) in layers {
                let parameters = !matches!(layer, Layer::Flatten | Layer::Unflatten(..));
                stack = stack.push(layer.clone(), parameters.then_some(activation));
                steps.push(step.clone());
                steps.extend(parameters.then_some(Step::Activation(activation)));
            }
            let x = Var::from_tensor(&random.normal(*shape, &CPU).unwrap()).unwrap();
            let x64 = Var::from_tensor(&x.to_dtype(DType::F64).unwrap()).unwrap();
            let y = stack.forward(&x).unwrap();
            let weights = random.normal(y.shape(), &CPU).unwrap();
            let f = || {
                (forward(&steps, &x64, &double).unwrap() * weights.to_dtype(DType::F64).unwrap())
                    .unwrap()
                    .sum_all()
                    .unwrap()
            };
            let gradients = nn::backward(&(y * &weights).unwrap().sum_all().unwrap()).unwrap();
            let mut compared = 0;
            let named = params.iter().zip(double.iter()).map(|((name, var), (_, var64))| (name, var, var64));
            for (name, var, var64) in named.chain([("x", &x, &x64)]) {
                let Some(gradient) = gradients.get(var).unwrap() else { continue };
                errors(&format!("{activation:?} {name}, input {shape:?}"), [(&gradient, 1e-4)], var64, f, 4, random);
                compared += 1;
            }
            let own =
                layers.iter().filter(|(layer, _)| !matches!(layer, Layer::Flatten | Layer::Unflatten(..))).count();
            assert_eq!(compared, 2 * own + 1);
        }
    }
}
