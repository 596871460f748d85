//! What every guest has to stand.

use std::collections::HashMap;

use vae_core::{candle::safetensors, prelude::*};

const EPOCHS: usize = 4;

/// Trains a guest with checkpoints in one go, and again with a stop in the middle: all tensors of the last checkpoint (weights,
/// optimizer, critic) and all means of the history must have the same bits, and the history must show and plot. Returns what
/// came of it.
pub(crate) fn trains_and_resumes<V: Vae, O: Objective + 'static>(
    vae: impl Fn() -> V,
    objective: impl Fn() -> O,
    data: &dyn Data,
    settings: impl Fn(Trainer) -> Trainer,
) -> (V, History) {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, epochs: usize| {
        let trainer = settings(Trainer::new(objective()).batch_size(32).seed(3)).epochs(epochs).quiet();
        let mut vae = vae();
        let history = trainer.checkpoints(folder.path().join(name)).resume().fit(&mut vae, data).unwrap();
        (vae, history)
    };
    let (whole, history) = run("whole", EPOCHS);
    run("halves", EPOCHS / 2);
    let (_, resumed) = run("halves", EPOCHS);

    let means = |history: &History| -> Vec<_> {
        history.epochs.iter().map(|e| (e.steps, e.train.clone(), e.validation.clone(), e.watched)).collect()
    };
    assert_eq!(means(&history), means(&resumed), "the histories differ");
    let [a, b] = ["whole", "halves"].map(|name| bits(&folder.path().join(name).join("last.safetensors")));
    assert!(
        a == b,
        "the checkpoints differ in {:?}",
        a.keys().filter(|name| a.get(*name) != b.get(*name)).collect::<Vec<_>>()
    );

    if let Some((params, _)) = objective().critic() {
        let kept = |name: &str| ["critic.", "critic_adam.m.", "critic_adam.v."].map(|what| format!("{what}{name}"));
        assert!(params.iter().all(|(name, _)| kept(name).iter().all(|name| a.contains_key(name))), "{:?}", a.keys());
    }

    for name in history.epochs[0].train.metrics.keys() {
        assert!(
            history.to_string().contains(name.as_str()) && history.plot().to_svg().contains(name.as_str()),
            "{name}"
        );
    }
    assert!(whole.summary().total() == whole.params().count());
    (whole, history)
}

/// `q.kl(p, z)` must not be the estimate ln q(z) − ln p(z) itself, but a closed form, perhaps of a part of z only; its mean over
/// draws z from q must be that of the estimate: for each row within five standard errors.
pub(crate) fn closed_form(q: &dyn Distribution, p: &dyn Distribution) -> Result<()> {
    const DRAWS: usize = 4000;
    let mut random = Random::new(5);
    let differences = (0..DRAWS).map(|_| {
        let z = q.sample(&mut random)?.detach();
        let estimate = (q.log_prob(&z)? - p.log_prob(&z)?)?;
        Ok((q.kl(p, &z)? - estimate)?.detach())
    });
    let differences = Tensor::stack(&differences.collect::<Result<Vec<_>>>()?, 1)?;
    for row in differences.to_dtype(DType::F64)?.to_vec2::<f64>()? {
        let mean = row.iter().sum::<f64>() / DRAWS as f64;
        let variance = row.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / DRAWS as f64;
        assert!(variance > 1e-6, "the KL is no closed form but the estimate itself");
        let error = (variance / DRAWS as f64).sqrt();
        assert!(mean.abs() < 5.0 * error, "the KL is off by {mean} ± {error}");
    }
    Ok(())
}

/// The tensors of a file, as bits.
fn bits(path: &std::path::Path) -> HashMap<String, Vec<u32>> {
    let numbers = |t: &Tensor| t.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let tensors = safetensors::load(path, &Device::Cpu).unwrap();
    tensors.iter().map(|(name, t)| (name.clone(), numbers(t).iter().map(|x| x.to_bits()).collect())).collect()
}

/// The numbers of a tensor, row after row.
pub(crate) fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}
