//! The layers of a model as the page's script knows them: what kind, which sizes, where its weights begin.

use candle_core::Tensor;
use serde_json::{Value, json};

use super::pack::Pack;
use crate::{
    Error, Result,
    models::{Halves, Observation},
    nn::{Activation, Layer, Linear, Stack},
};

/// What errors and sizes call the two halves.
const DECODER: &str = "the decoder's weights";
const ENCODER: &str = "the encoder's weights";

/// The decoder: its layers, and what its output means.
pub(super) fn decoder(halves: &Halves, latent: usize, pack: &mut Pack) -> Result<Value> {
    let output = match halves.observation {
        Observation::Bernoulli => "bernoulli",
        Observation::ContinuousBernoulli => "continuous bernoulli",
        Observation::Gaussian { .. } | Observation::GaussianLearned => "gaussian",
    };
    let layers = layers(&halves.decoder, &[latent + halves.beside_z], DECODER, pack)?;
    Ok(json!({ "layers": layers, "output": output, "told": halves.beside_z }))
}

/// The encoder: the layers before y comes beside them, those after, and both heads.
pub(super) fn encoder(halves: &Halves, item: &[usize], pack: &mut Pack) -> Result<Value> {
    let features = layers(&halves.features, item, ENCODER, pack)?;
    let width = |stack: &Stack, input: &[usize]| -> Result<Vec<usize>> {
        Ok(stack.shapes(input)?.last().map_or_else(|| input.to_vec(), Clone::clone))
    };
    let input = match halves.beside_features {
        0 => item.to_vec(),
        told => vec![width(&halves.features, item)?.iter().product::<usize>() + told],
    };
    let posterior = layers(&halves.posterior, &input, ENCODER, pack)?;
    let Some(heads) = halves.posterior.both_heads() else {
        return Err(Error::argument(
            "expected an encoder that ends in two heads, mu and ln σ²; explore a model without by `.without_encoder()`",
        ));
    };
    let heads = heads.each_ref().map(|head| linear(head, ENCODER, pack));
    let [mu, log_var] = heads;
    Ok(json!({
        "features": features, "posterior": posterior, "mu": mu?, "log_var": log_var?, "told": halves.beside_features
    }))
}

/// All layers of a stack but its heads, with the nonlinearities between.
fn layers(stack: &Stack, input: &[usize], what: &'static str, pack: &mut Pack) -> Result<Vec<Value>> {
    let (shapes, mut all) = (stack.shapes(input)?, vec![]);
    let mut shape = input;
    for ((layer, nonlinearity), output) in stack.layers().zip(&shapes) {
        all.extend(exported(layer, shape, output, what, pack)?);
        all.extend(nonlinearity.map(activation).transpose()?);
        shape = output;
    }
    Ok(all)
}

/// A layer; none for one that only changes the shape.
fn exported(
    layer: &Layer,
    input: &[usize],
    output: &[usize],
    what: &'static str,
    pack: &mut Pack,
) -> Result<Option<Value>> {
    Ok(Some(match layer {
        Layer::Linear(layer) => linear(layer, what, pack)?,
        Layer::Conv2d(layer) => {
            let config = layer.config();
            let window = [config.kernel, config.stride, config.padding, config.dilation];
            convolution("conv", (input, output), window, layer.parameters(), what, pack)?
        }
        Layer::ConvTranspose2d(layer) => {
            let config = layer.config();
            let window = [config.kernel, config.stride, config.padding, config.dilation];
            convolution("conv transpose", (input, output), window, layer.parameters(), what, pack)?
        }
        Layer::Flatten | Layer::Unflatten(..) => return Ok(None),
        Layer::Custom(layer) => return Err(unknown("the layer", layer.name())),
    }))
}

fn linear(layer: &Linear, what: &'static str, pack: &mut Pack) -> Result<Value> {
    let [weight, bias] = layer.parameters();
    let (outputs, inputs) = weight.dims2()?;
    let at = pack.tensor(weight, what)?;
    pack.tensor(bias, what)?;
    Ok(json!({ "kind": "linear", "inputs": inputs, "outputs": outputs, "at": at }))
}

fn convolution(
    kind: &str,
    (input, output): (&[usize], &[usize]),
    [kernel, stride, padding, dilation]: [usize; 4],
    [weight, bias]: &[Tensor; 2],
    what: &'static str,
    pack: &mut Pack,
) -> Result<Value> {
    let at = pack.tensor(weight, what)?;
    pack.tensor(bias, what)?;
    Ok(json!({
        "kind": kind, "input": input, "output": output, "kernel": kernel, "stride": stride, "padding": padding,
        "dilation": dilation, "at": at
    }))
}

fn activation(activation: Activation) -> Result<Value> {
    Ok(match activation {
        Activation::Relu => json!({ "kind": "relu" }),
        Activation::LeakyRelu(slope) => json!({ "kind": "leaky relu", "parameter": slope }),
        Activation::Tanh => json!({ "kind": "tanh" }),
        Activation::Gelu => json!({ "kind": "gelu" }),
        Activation::Silu => json!({ "kind": "silu" }),
        Activation::Elu(alpha) => json!({ "kind": "elu", "parameter": alpha }),
        Activation::Custom(_) => return Err(unknown("the activation", activation.name())),
    })
}

fn unknown(what: &str, name: &str) -> Error {
    Error::argument(format!(
        "{what} {name} is not known to the explorer's script; it computes Linear, Conv2d, ConvTranspose2d, Flatten and Unflatten, \
         with ReLU, LeakyReLU, Tanh, GELU, SiLU or ELU: explore a model of these"
    ))
}
