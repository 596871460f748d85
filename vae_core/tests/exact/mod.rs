//! The one VAE whose evidence is known: z ~ N(0, I), x = W z + b + N(0, s² I), so that x ~ N(b, W Wᵀ + s² I). An [`MlpVae`]
//! without hidden layers is this model, with an encoder that is linear in x.

use vae_core::prelude::*;

pub(crate) const CPU: Device = Device::Cpu;
pub(crate) const VARIANCE: f64 = 0.4;
pub(crate) const PIXELS: usize = 6;

pub(crate) fn model(seed: u64) -> MlpVae {
    let observation = Observation::Gaussian { variance: VARIANCE };
    let config = MlpVaeConfig { image: (1, 2, 3), hidden: vec![], latent: 2, observation, ..Default::default() };
    MlpVae::new(config, &CPU, seed).unwrap()
}

pub(crate) fn numbers(vae: &MlpVae, name: &str) -> Vec<f64> {
    vae.params().get(name).unwrap().to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

pub(crate) fn set(vae: &MlpVae, name: &str, values: &[f64]) {
    let var = vae.params().get(name).unwrap();
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    var.set(&Tensor::from_vec(values, var.shape(), &CPU).unwrap()).unwrap();
}

/// What is exact: log p(x), and the posterior N(m, P⁻¹) with its precision P = I + WᵀW/s² and mean m = P⁻¹Wᵀ(x − b)/s².
pub(crate) struct Exact {
    pub(crate) log_evidence: f64,
    pub(crate) mean: [f64; 2],
    pub(crate) precision: [[f64; 2]; 2],
    pub(crate) determinant: f64,
}

impl Exact {
    pub(crate) fn of(vae: &MlpVae, x: &[f64]) -> Self {
        Self::with_variance(vae, x, VARIANCE)
    }

    /// Were the variance of p(x|z) another one.
    pub(crate) fn with_variance(vae: &MlpVae, x: &[f64], variance: f64) -> Self {
        let (w, b) = (numbers(vae, "decoder.fc1.weight"), numbers(vae, "decoder.fc1.bias"));
        let rest: Vec<f64> = x.iter().zip(b).map(|(x, b)| x - b).collect();
        let column = |d: usize| w.iter().skip(d).step_by(2);
        let dot =
            |d: usize, other: &mut dyn Iterator<Item = f64>| column(d).zip(other).map(|(w, x)| w * x).sum::<f64>();
        let gram = |d: usize, e: usize| dot(d, &mut column(e).copied()) / variance;
        let precision = [[1.0 + gram(0, 0), gram(0, 1)], [gram(1, 0), 1.0 + gram(1, 1)]];
        let determinant = precision[0][0] * precision[1][1] - precision[0][1] * precision[1][0];
        let [h0, h1] = [0, 1].map(|d| dot(d, &mut rest.iter().copied()) / variance);
        let mean = [
            (precision[1][1] * h0 - precision[0][1] * h1) / determinant,
            (precision[0][0] * h1 - precision[1][0] * h0) / determinant,
        ];
        // (W Wᵀ + s² I)⁻¹ by the Woodbury identity, its determinant by the matrix determinant lemma.
        let square = rest.iter().map(|r| r * r).sum::<f64>() / variance - h0 * mean[0] - h1 * mean[1];
        let log_determinant = determinant.ln() + PIXELS as f64 * (std::f64::consts::TAU * variance).ln();
        Self { log_evidence: -0.5 * (square + log_determinant), mean, precision, determinant }
    }

    /// KL(q ‖ p(z|x)) of a diagonal Gaussian q.
    pub(crate) fn gap(&self, mu: &[f64], log_var: &[f64]) -> f64 {
        let [a, b] = [mu[0] - self.mean[0], mu[1] - self.mean[1]];
        let p = &self.precision;
        let trace = p[0][0] * log_var[0].exp() + p[1][1] * log_var[1].exp();
        let distance = p[0][0] * a * a + 2.0 * p[0][1] * a * b + p[1][1] * b * b;
        0.5 * (trace + distance - 2.0 - self.determinant.ln() - log_var[0] - log_var[1])
    }
}
