// Five short trainings, a detector, and a gradient by candle alone. The tests beside this file run it with one thread and with
// several, and tests/test_repetition.py runs its text as a notebook's cell: so only `use` and functions here.
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use vae_core::prelude::*;

/// Stripes of several widths with noise, as many as asked for.
fn stripes(n: usize) -> Result<Images> {
    let noise: Vec<f32> = Random::new(99).uniform(n * 784, &Device::Cpu)?.to_vec1()?;
    let bright = |i: usize| ((i % 28) / (2 + (i / 784) % 5)).is_multiple_of(2);
    let pixels = noise.iter().enumerate().map(|(i, x)| if bright(i) { 255 - (x * 50.0) as u8 } else { (x * 50.0) as u8 });
    Images::new(pixels.collect(), vec![0; n], (1, 28, 28), &Device::Cpu)
}

/// A number that any bit of any of the values changes.
fn fingerprint(values: &[f32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    values.iter().for_each(|value| value.to_bits().hash(&mut hasher));
    hasher.finish()
}

/// The fingerprint of a model's weights.
fn weights(vae: &dyn Vae) -> Result<u64> {
    let mut all: Vec<f32> = vec![];
    for (_, var) in vae.params().iter() {
        all.extend(var.flatten_all()?.to_vec1::<f32>()?);
    }
    Ok(fingerprint(&all))
}

/// The fingerprint of the gradient of two layers that are written out with candle's own operations, as notebooks do.
fn by_hand() -> Result<u64> {
    let mut random = Random::new(4);
    let mut draw = |rows: usize, columns: usize| random.normal((rows, columns), &Device::Cpu);
    let (x, w, v) = (draw(517, 784)?, Var::from_tensor(&draw(784, 301)?)?, Var::from_tensor(&draw(301, 10)?)?);
    let loss = x.matmul(&w)?.tanh()?.matmul(&v)?.sqr()?.mean_all()?;
    let gradients = loss.backward()?;
    let gradients = [&w, &v].map(|var| gradients.get(var.as_tensor()).map(|g| g.flatten_all()?.to_vec1::<f32>()));
    let mut values = vec![loss.to_scalar()?];
    for gradient in gradients.into_iter().flatten() {
        values.extend(gradient?);
    }
    Ok(fingerprint(&values))
}

/// Trains with checkpoints in `folder`, and returns a line for each model: its name, the fingerprint of its weights, and of
/// what it makes of a few codes. Batches are large enough to be shared out among threads, and the last of an epoch is smaller.
fn train_all(folder: &Path) -> Result<Vec<String>> {
    let mut lines = vec![];
    let mut run = |name: &str, vae: &mut dyn Vae, trainer: Trainer, images: usize| -> Result<()> {
        let trainer = trainer.epochs(2).seed(5).validation(61).checkpoints(folder.join(name)).quiet();
        let history = trainer.fit(vae, &stripes(images)?)?;
        let elbo = history.last().map_or(f64::NAN, |record| record.train.elbo).to_bits();
        let drawn = vae.generate(7, &mut Random::new(8))?.flatten_all()?.to_vec1()?;
        lines.push(format!("{name} {:016x} {:016x} {elbo:016x}", weights(vae)?, fingerprint(&drawn)));
        Ok(())
    };
    let config = MlpVaeConfig { hidden: vec![128, 96], latent: 40, ..Default::default() };
    let elbo = Elbo { warmup_epochs: 1.5, ..Default::default() };
    let mut mlp = MlpVae::new(config.clone(), &Device::Cpu, 1)?;
    run("mlp", &mut mlp, Trainer::new(elbo).batch_size(300).clip_gradient(50.0).binarize(), 700)?;
    let mut conv = ConvVae::new(ConvVaeConfig { latent: 16, ..Default::default() }, &Device::Cpu, 2)?;
    run("conv", &mut conv, Trainer::new(elbo).batch_size(48), 180)?;
    let mut denoiser = MlpVae::new(config, &Device::Cpu, 3)?;
    let denoising = Denoising { criterion: Criterion::Mixture { draws: 2 }, ..Default::default() };
    run("denoising", &mut denoiser, Trainer::new(denoising).batch_size(128).keep_best(), 500)?;
    let config = MlpVaeConfig { hidden: vec![64], latent: 12, ..Default::default() };
    let beta_tc = BetaTcVae { dataset: 639, ..Default::default() };
    let mut parts = MlpVae::new(config.clone(), &Device::Cpu, 4)?;
    run("beta-tc", &mut parts, Trainer::new(beta_tc).batch_size(300), 700)?;
    let factor = FactorVaeConfig { latent: 12, hidden: vec![128; 2], ..Default::default() };
    let mut factors = MlpVae::new(config, &Device::Cpu, 5)?;
    run("factor", &mut factors, Trainer::new(FactorVae::new(factor, &Device::Cpu, 6)?).batch_size(300), 700)?;

    let held_out = stripes(400)?;
    let score = DetectorConfig { score: Score::RelativeError, samples: 4, ..Default::default() };
    let detector = Detector::fit_near(&mlp, &stripes(300)?, 3, &held_out, score)?;
    // The detector's are made of ranks, which many a change of weights leaves alone; the others are not.
    let mut found = detector.scores(&held_out)?;
    found.extend(scores(&mlp, &held_out, Score::NegativeElbo, 4, 6)?);
    lines.push(format!("detector {:016x}", fingerprint(&found.iter().map(|&x| x as f32).collect::<Vec<f32>>())));
    lines.push(format!("candle {:016x}", by_hand()?));
    Ok(lines)
}
