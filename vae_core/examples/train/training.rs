//! The training of a model, and what it leaves in the folder: weights, history, figures.

use std::path::PathBuf;

use vae_core::{prelude::*, serde_json};

use super::{
    arguments::{Arguments, Model},
    images::{Sets, labelled, sets},
    objective::Name,
};

/// Chooses the objective; `prepare` makes the weights what training begins with, from the images to train on.
pub(crate) fn choose<V: Vae>(
    arguments: &Arguments,
    mut vae: V,
    mut prepare: impl FnMut(&mut V, &dyn Data) -> Result<()>,
) -> Result<()> {
    let options = &arguments.objective;
    let denoiser = matches!(arguments.model, Model::Denoise);
    let name = options.name(denoiser || arguments.corrupt.is_some())?;
    println!("{}", vae.summary());
    if arguments.summary {
        return Ok(());
    }
    let sets = sets(arguments, vae.device())?;
    // A run that was stopped before its first checkpoint begins anew, whatever it is called with.
    let has_weights = |folder: &PathBuf| folder.join("last.safetensors").exists();
    if !arguments.resume.as_ref().is_some_and(has_weights) {
        prepare(&mut vae, &*sets.train)?;
    }
    match name {
        Name::Elbo | Name::Beta => train(arguments, vae, sets, options.elbo(name), None),
        Name::Denoise => {
            let corruption = arguments.corrupt.unwrap_or(Corruption::Gaussian { std: 0.2 });
            let objective = Denoising { corruption, elbo: options.elbo(name), ..Default::default() };
            train(arguments, vae, sets, objective, Some(corruption))
        }
        Name::Capacity => train(arguments, vae, sets, options.capacity(), None),
        Name::BetaTc => {
            let dataset = sets.train.len().saturating_sub(arguments.held_out(&*sets.train));
            train(arguments, vae, sets, options.beta_tc(dataset), None)
        }
        Name::Factor => {
            let objective = options.factor(&vae, arguments.seed)?;
            train(arguments, vae, sets, objective, None)
        }
        Name::Iwae | Name::Dreg => train(arguments, vae, sets, options.iwae(name), None),
        Name::FreeBits => train(arguments, vae, sets, options.free_bits(), None),
    }
}

fn train(
    arguments: &Arguments,
    mut vae: impl Vae,
    Sets { train: images, test, shown }: Sets,
    objective: impl Objective + Clone + 'static,
    corruption: Option<Corruption>,
) -> Result<()> {
    // clap sees to it that there is a folder whenever there is something to train.
    let Some(folder) = arguments.resume.as_ref().or(arguments.out.as_ref()) else { return Ok(()) };
    let seed = arguments.seed;
    let mut trainer = Trainer::new(objective.clone()).checkpoints(folder).config(TrainConfig {
        epochs: arguments.epochs,
        batch_size: arguments.batch_size,
        adam: AdamConfig { learning_rate: arguments.learning_rate, ..Default::default() },
        schedule: arguments.schedule(),
        seed,
        validation: arguments.held_out(&*images),
        early_stopping: arguments.early_stopping,
        keep_best: arguments.early_stopping.is_some(),
        clip_gradient: arguments.clip_gradient,
        binarize: arguments.binarize,
    });
    if arguments.resume.is_some() {
        trainer = trainer.resume();
    } else {
        // A later `--resume` finds them there, whenever this run is interrupted.
        let noted = serde_json::to_string_pretty(arguments).map_err(|error| Error::Argument(error.to_string()))?;
        trainer = trainer.note("arguments.json", noted);
    }
    let history = trainer.fit(&mut vae, &*images)?;

    let test = evaluate(&objective, &vae, &*test, arguments.binarize, seed)?;
    let Means { elbo, reconstruction, kl, .. } = &test;
    println!("test ELBO {elbo:.2} = reconstruction {reconstruction:.2} - KL {kl:.2} nats per image");
    for (metric, value) in &test.metrics {
        println!("test {metric} {value:.3}");
    }
    vae.save(folder.join("model.safetensors"))?;
    history.plot().save(folder.join("curves.svg"))?;

    let originals = shown.first(10)?;
    let mut rows = vec![originals.clone()];
    let mut random = Random::new(seed);
    if let Some(corruption) = corruption {
        let clean = shown.tensor()?;
        let noisy = corruption.apply(&clean, &mut random)?;
        println!("corrupted with {corruption}: {}", eval::recon::Quality::of(&noisy, &clean)?);
        let denoised = labelled(&vae, &shown)?.reconstruct(&noisy)?;
        println!("denoised: {}", eval::recon::Quality::of(&denoised, &clean)?);
        rows.push(noisy.narrow(0, 0, originals.dim(0)?)?);
    }
    let seen = rows.last().unwrap_or(&originals);
    rows.push(labelled(&vae, &shown.take(10))?.reconstruct(seen)?);
    ImageGrid::new(&Tensor::cat(&rows, 0)?)?.columns(10).save(folder.join("reconstructions.png"))?;
    let first = shown.take(16);
    let samples = labelled(&vae, &first)?.generate(first.len(), &mut Random::new(seed))?;
    ImageGrid::new(&samples)?.columns(4).save(folder.join("samples.png"))?;
    println!("checkpoints, history and figures are in {}", folder.display());
    Ok(())
}
