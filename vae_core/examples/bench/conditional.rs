//! What a label costs: steps of conditional models beside that of the same network without y, in turns.

use vae_core::prelude::*;

use super::{models::Subject, rounds, turn};

/// Prints milliseconds and ratios for both networks.
pub(crate) fn conditional(count: usize, images: &Images) -> Result<()> {
    println!(
        "\nconditional models, training step, milliseconds\nnetwork  prior     told      plain    ours | ours/plain"
    );
    for (name, batch, network) in
        [("mlp", 128, Network::Mlp(MlpVaeConfig::default())), ("conv", 100, Network::Conv(ConvVaeConfig::default()))]
    {
        let device = images.device();
        let plain: Box<dyn Vae> = match network.clone() {
            Network::Mlp(config) => Box::new(MlpVae::new(config, device, 1)?),
            Network::Conv(config) => Box::new(ConvVae::new(config, device, 1)?),
        };
        let mut plain = Subject::of(plain, batch, images, f64::NAN)?;
        for (prior, told) in [
            (Prior::Standard, Told::Both),
            (Prior::Standard, Told::Decoder),
            (Prior::Learned { hidden: vec![] }, Told::Both),
        ] {
            let which = if prior == Prior::Standard { "standard" } else { "learned" };
            let whom = if told == Told::Both { "both" } else { "decoder" };
            let config = ConditionalVaeConfig { network: network.clone(), prior, told, ..Default::default() };
            let mut own = Subject::of(Box::new(ConditionalVae::new(config, device, 1)?), batch, images, f64::NAN)?;
            let (mut a, mut b) = (|| turn(device, || own.step()).map(Some), || turn(device, || plain.step()).map(Some));
            let times = rounds(count, &mut [&mut a, &mut b])?;
            let time = |i: usize| times[i].time.unwrap_or(f64::NAN);
            let ratio = times[1].ratio.unwrap_or(f64::NAN);
            println!("{name:<8} {which:<9} {whom:<7} {:>7.3} {:>7.3} | {ratio:>10.2}", time(1), time(0));
        }
    }
    Ok(())
}
