//! The model that a run trains, from its arguments: network, condition and prior.

use vae_core::prelude::*;

use super::{
    arguments::{Arguments, Model, PriorKind, ToldKind},
    images::{classes, pictures},
    training::choose,
};

/// Makes the model and trains it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let device = best_device()?;
    let (hidden, latent) = match arguments.model {
        Model::Mlp | Model::Conditional => (vec![400, 400], 20),
        Model::Conv | Model::ConditionalConv => (vec![], 64),
        Model::Denoise => (vec![512], 40),
    };
    let latent = arguments.latent.unwrap_or(latent);
    let pictures = pictures(arguments)?;
    let image = pictures.as_ref().map_or((1, 28, 28), FolderConfig::shape);
    let conv = matches!(arguments.model, Model::Conv | Model::ConditionalConv);
    if conv && arguments.hidden.is_some() {
        return Err(Error::Argument(
            "--hidden is for the models mlp, denoise and conditional; the layers of conv are fixed".into(),
        ));
    }
    let prior = arguments.prior.unwrap_or(PriorKind::Standard);
    if !arguments.model.is_conditional() && (prior == PriorKind::Learned || arguments.told.is_some()) {
        return Err(Error::Argument(
            "--prior learned and --told are for the models conditional and conditional-conv".into(),
        ));
    }
    if arguments.components.is_some() && !matches!(prior, PriorKind::Mixture | PriorKind::Vamp) {
        return Err(Error::Argument("--components is for --prior mixture and --prior vamp".into()));
    }
    if conv && arguments.activation.is_some() {
        return Err(Error::Argument("--activation is for fully connected layers; those of conv are fixed".into()));
    }
    let network = if conv {
        Network::Conv(match pictures {
            None => ConvVaeConfig { latent, ..Default::default() },
            Some(_) => ConvVaeConfig::mirrored(image, &[(32, 1), (64, 2), (72, 2), (64, 1)], latent)?,
        })
    } else {
        let hidden = arguments.hidden.clone().unwrap_or(hidden);
        let activation = arguments.activation.map_or(MlpVaeConfig::default().activation, Activation::from);
        Network::Mlp(MlpVaeConfig { image, hidden, latent, activation, ..Default::default() })
    };
    match network {
        network if arguments.model.is_conditional() => {
            let prior = if prior == PriorKind::Learned { Prior::Learned { hidden: vec![] } } else { Prior::Standard };
            let told = if arguments.told == Some(ToldKind::Decoder) { Told::Decoder } else { Told::Both };
            let condition = Condition::Classes(classes(&arguments.data)?);
            let config = ConditionalVaeConfig { network, condition, prior, told };
            begin(arguments, ConditionalVae::new(config, &device, arguments.seed)?, ConditionalVae::set_output_bias)
        }
        Network::Conv(config) => {
            begin(arguments, ConvVae::new(config, &device, arguments.seed)?, ConvVae::set_output_bias)
        }
        Network::Mlp(config) => {
            begin(arguments, MlpVae::new(config, &device, arguments.seed)?, MlpVae::set_output_bias)
        }
    }
}

/// Chooses the prior and what the weights begin as, and trains.
fn begin<V: Vae + Clone>(
    arguments: &Arguments,
    vae: V,
    set_output_bias: impl Fn(&mut V, &dyn Data) -> Result<()>,
) -> Result<()> {
    // A clone shares its weights.
    let mut inner = vae.clone();
    let mut bias = |images: &dyn Data| if arguments.output_bias { set_output_bias(&mut inner, images) } else { Ok(()) };
    match arguments.prior.and_then(|prior| prior.family(arguments.components.unwrap_or(500))) {
        None => choose(arguments, vae, |_, images| bias(images)),
        Some(family) => {
            let vae = WithPrior::new(vae, family, arguments.seed)?;
            choose(arguments, vae, |vae, images| {
                bias(images)?;
                vae.initialize(images, arguments.seed)
            })
        }
    }
}
