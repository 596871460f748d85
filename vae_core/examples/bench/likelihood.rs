//! How many draws a second an importance-sampled likelihood makes, beside PyTorch doing the same: encode some images, then for each draw
//! decode and weigh a code of each, without gradients.

use vae_core::prelude::*;

use super::{TURN, rounds, show, torch::Torch, turn};

/// Images that are judged together, and draws for each of them in one call.
const IMAGES: usize = 600;
const SAMPLES: usize = 50;

/// Prints the rates and their ratio for the network of Burda et al. (2016).
pub(crate) fn likelihood(count: usize, torch: Option<&Torch>, images: &Images) -> Result<()> {
    let config =
        MlpVaeConfig { hidden: vec![200, 200], latent: 50, activation: Activation::Tanh, ..Default::default() };
    let vae = MlpVae::new(config, images.device(), 1)?;
    let judged = images.take(IMAGES);
    let mut ours = || turn(images.device(), || eval::likelihood(&vae, &judged, SAMPLES, 1).map(drop)).map(Some);
    let mut theirs = || torch.map_or(Ok(None), |torch| torch.likelihood(IMAGES, SAMPLES, TURN));
    let times = rounds(count, &mut [&mut ours, &mut theirs])?;
    let rate =
        |i: usize| times[i].time.map_or("–".into(), |ms| format!("{:.0}", (IMAGES * SAMPLES) as f64 / ms * 1e3));
    // A ratio of draws a second is the inverse of a ratio of times.
    let ratio = show(times[1].ratio.map(|ratio| 1.0 / ratio));
    println!(
        "\nlikelihood, draws per second, {IMAGES} images at a time\nnetwork               ours     eager | ours/eager"
    );
    println!("784-200-200-50   {:>9} {:>9} | {ratio:>10}", rate(0), rate(1));
    Ok(())
}
