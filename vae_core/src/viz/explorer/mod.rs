//! A latent space that answers while the mouse moves: the decoder runs in the browser.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let digits = data::digits(&Device::Cpu)?;
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![64], latent: 2, ..Default::default() }, &Device::Cpu, 1)?; // train it first
//! let explorer = viz::explorer(&vae)
//!     .points(&digits.test.take(500))
//!     .class_names(&digits.class_names)
//!     .title("Two dimensions of digits")
//!     .build()?;
//! assert!(explorer.to_html().len() < 1_500_000);
//! # Ok::<(), vae_core::Error>(())
//! ```
//! In a notebook the explorer is a cell's last expression; `save("explorer.html")` writes a page of its own. Weights travel as float16 in the output,
//! with a script that computes the layers: no server, no kernel, no download. What the page decodes agrees with
//! [`Vae::decode`] to about 10⁻³, which `tests/test_explorer.py` holds in a browser.

mod export;
mod pack;
mod page;
mod points;

use std::{fmt, path::Path};

use candle_core::Tensor;
use serde_json::json;

use super::{
    ImageGrid,
    colors::{CATEGORIES, hex},
    output,
};
use crate::{
    Error, Result,
    data::Data,
    io::files::write_atomically,
    models::{Halves, Vae},
};
use pack::Pack;

/// The most bytes of a figure: a notebook with a few of them still opens on a phone.
const MOST_BYTES: usize = 1_500_000;
/// More points than this hide each other.
const MOST_POINTS: usize = 5_000;
/// More models than this are no slider to follow.
const MOST_MODELS: usize = 20;
/// Pictures in a row, and in a column, of what is seen where no scripts run.
const STILL: usize = 9;

/// An explorer of what `vae` has learned; see [`ExplorerBuilder`].
///
/// ```
/// use vae_core::prelude::*;
///
/// let vae = ConvVae::new(ConvVaeConfig::mirrored((1, 28, 28), &[(8, 2), (16, 2)], 6)?, &Device::Cpu, 1)?;
/// let explorer = viz::explorer(&vae).build()?;
/// # Ok::<(), vae_core::Error>(())
/// ```
pub fn explorer<'a, V: Vae + ?Sized + 'a>(vae: &'a V) -> ExplorerBuilder<'a> {
    explorer_over("", [("", vae)])
}

/// An explorer of several models with a slider over them, `slider` its name: the same network trained with different β.
///
/// ```
/// use vae_core::prelude::*;
///
/// let config = MlpVaeConfig { hidden: vec![32], latent: 2, ..Default::default() };
/// let trained = [(1.0, MlpVae::new(config.clone(), &Device::Cpu, 1)?), (4.0, MlpVae::new(config, &Device::Cpu, 1)?)];
/// let models = trained.iter().map(|(beta, vae)| (beta, vae));
/// let explorer = viz::explorer_over("β", models).title("What β does").build()?;
/// # Ok::<(), vae_core::Error>(())
/// ```
pub fn explorer_over<'a, V: Vae + ?Sized + 'a>(
    slider: impl Into<String>,
    models: impl IntoIterator<Item = (impl ToString, &'a V)>,
) -> ExplorerBuilder<'a> {
    let models = models.into_iter().map(|(name, vae)| (name.to_string(), Box::new(vae) as Box<dyn Vae + 'a>));
    ExplorerBuilder {
        models: models.collect(),
        slider: slider.into(),
        points: None,
        class_names: vec![],
        title: String::new(),
        encoder: true,
    }
}

/// What an [`Explorer`] is to show, beside its models. Moving over the plane of two latent dimensions decodes; there are sliders for all
/// dimensions; two codes can be pinned and walked between; a drawing is encoded, and where its posterior lies is shown.
///
/// A model of more than two dimensions shows the two that tell most on the plane, and a reader can choose others. A conditional model that was
/// given nothing has a row of its labels to choose from.
pub struct ExplorerBuilder<'a> {
    models: Vec<(String, Box<dyn Vae + 'a>)>,
    slider: String,
    points: Option<&'a dyn Data>,
    class_names: Vec<String>,
    title: String,
    encoder: bool,
}

impl<'a> ExplorerBuilder<'a> {
    /// Shows these items as points at the means of their posteriors, coloured by label. A thousand are enough to see the shape of a set.
    pub fn points(mut self, data: &'a dyn Data) -> Self {
        self.points = Some(data);
        self
    }

    /// The names of the labels, in order; without them, their numbers.
    pub fn class_names(mut self, names: &[impl AsRef<str>]) -> Self {
        self.class_names = names.iter().map(|name| name.as_ref().into()).collect();
        self
    }

    /// The title above.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Leaves the encoder out, and with it the drawing pad: half the size, and any encoder will do.
    pub fn without_encoder(mut self) -> Self {
        self.encoder = false;
        self
    }

    /// Encodes the points and packs the weights.
    ///
    /// # Errors
    /// - [`Error::Argument`] for a model that does not tell its layers ([`Vae::halves`]) or has one that the script does not know; for more than
    ///   1.5 MB, with what takes the room; for weights that are not finite; for more than 5,000 points or 20 models; for a condition that is a
    ///   vector and was not given
    /// - [`Error::Shape`] for items that are no pictures, or of another shape than the model's
    pub fn build(self) -> Result<Explorer> {
        let (_, first) = self.models.first().ok_or_else(|| Error::argument("there is no model to explore"))?;
        self.check(first)?;
        let (latent, shape) = (first.latent(), first.shape());
        let mut pack = Pack::default();
        let mut models = vec![];
        for (name, vae) in &self.models {
            let halves = halves(vae)?;
            let mut model = json!({ "name": name, "decoder": export::decoder(&halves, latent, &mut pack)? });
            if self.encoder {
                model["encoder"] = export::encoder(&halves, shape.dims(), &mut pack)?;
            }
            if let Some(data) = self.points {
                model["codes"] = points::codes(vae, data, &mut pack)?;
            }
            if let Some(given) = &halves.given {
                model["given"] = json!(given);
            }
            models.push(model);
        }
        let labels = match self.points {
            Some(data) => points::originals(first, data, &mut pack)?,
            None => None,
        };
        let choices = choices(first)?;
        let title = if self.title.is_empty() { "A latent space to explore".into() } else { self.title.clone() };
        let data = json!({
            "title": title,
            "slider": self.slider,
            "latent": latent,
            "image": shape.dims(),
            "standard": points::is_standard(first),
            "points": self.points.map_or(0, Data::len),
            "names": self.names(labels.as_deref(), choices),
            "labels": labels,
            "choices": choices,
            "colors": CATEGORIES.map(hex),
            "models": models,
            "packed": pack.finish()?,
        });
        let html = page::fragment(&data, &title, &still(first, choices)?);
        if html.len() > MOST_BYTES {
            return Err(Error::argument(format!(
                "this explorer would take {:.1} MB, more than {:.1} ({}); leave the encoder out by `.without_encoder()`, show fewer points, or \
                 train a smaller model for it",
                html.len() as f64 / 1e6,
                MOST_BYTES as f64 / 1e6,
                pack.shares()
            )));
        }
        Ok(Explorer { html, title })
    }

    /// Refuses what no page can show, before anything is computed.
    fn check(&self, first: &dyn Vae) -> Result<()> {
        let shape = first.shape();
        if !matches!(*shape.dims(), [1 | 3, height, width] if height * width > 0) {
            let expected = "(1 or 3, height, width): an explorer shows pictures".into();
            return Err(Error::Shape { what: "items of a model to explore", expected, got: shape.into_dims() });
        }
        if self.models.len() > MOST_MODELS {
            let got = self.models.len();
            return Err(Error::argument(format!(
                "an explorer has a slider over at most {MOST_MODELS} models, got {got}"
            )));
        }
        if let Some((name, other)) =
            self.models.iter().find(|(_, vae)| (vae.latent(), vae.shape()) != (first.latent(), first.shape()))
        {
            return Err(Error::argument(format!(
                "models of one explorer share latent dimensions and shape: expected {} and {:?}, got {} and {:?} from {name:?}",
                first.latent(),
                shape.dims(),
                other.latent(),
                other.shape().dims()
            )));
        }
        let Some(data) = self.points else { return Ok(()) };
        if data.shape() != shape {
            let expected = format!("{:?}, the model's", shape.dims());
            return Err(Error::Shape { what: "points of an explorer", expected, got: data.shape().into_dims() });
        }
        if data.is_empty() || data.len() > MOST_POINTS {
            let got = data.len();
            return Err(Error::argument(format!(
                "an explorer shows from 1 to {MOST_POINTS} points, got {got}: take some, for example `&test.take(1_000)`"
            )));
        }
        Ok(())
    }

    /// A name for each label that there is.
    fn names(&self, labels: Option<&[u32]>, choices: usize) -> Vec<String> {
        let most = labels.into_iter().flatten().map(|label| *label as usize + 1).max().unwrap_or(0).max(choices);
        let name = |label: usize| self.class_names.get(label).cloned().unwrap_or_else(|| label.to_string());
        // A label above this is a number, not a class.
        (0..most.min(1_000)).map(name).collect()
    }
}

/// An HTML figure in which a decoder runs: made by [`explorer`].
#[derive(Clone)]
pub struct Explorer {
    html: String,
    title: String,
}

/// A line instead of the page.
impl fmt::Debug for Explorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Explorer {:?} of {} kB {}", self.title, self.html.len() / 1000, output::NOT_DRAWN)
    }
}

impl Explorer {
    /// The explorer as an HTML element, to be put into a page; several on one page do not disturb each other.
    pub fn to_html(&self) -> String {
        self.html.clone()
    }

    /// Writes a page of its own to `path`, an `.html`.
    ///
    /// # Errors
    ///
    /// [`Error::File`] for another extension or a folder that does not exist, [`Error::Io`] when writing fails; a
    /// file that was there before then stays as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match output::extension(path).as_str() {
            "html" => write_atomically(path, page::document(&self.html, &self.title).as_bytes()),
            _ => Err(Error::file(path, "an explorer is saved as a page; give the name the ending .html")),
        }
    }

    /// Shows the explorer in the notebook cell that is running.
    pub fn evcxr_display(&self) {
        output::emit("text/html", &self.html);
    }
}

fn halves(vae: &dyn Vae) -> Result<Halves> {
    vae.halves().ok_or_else(|| {
        Error::argument(
            "expected a model that tells its layers, as MlpVae, ConvVae and ConditionalVae do; say those of one of your own in \
             `Vae::halves`, and give a conditional one no label or one for all",
        )
    })
}

/// How many labels a reader chooses from: none, unless the model is conditional and was given nothing.
fn choices(vae: &dyn Vae) -> Result<usize> {
    let halves = halves(vae)?;
    match (halves.beside_z.max(halves.beside_features), &halves.given) {
        (0, _) | (_, Some(_)) => Ok(0),
        (width, None) if halves.classes => Ok(width),
        (width, None) => Err(Error::argument(format!(
            "this model is told a vector of {width} numbers, for which an explorer has no sliders; give it one: \
             `viz::explorer(&vae.given(&y)?)`"
        ))),
    }
}

/// What is seen where no scripts run: pictures decoded from codes on the plane of the first two dimensions.
fn still(vae: &dyn Vae, choices: usize) -> Result<String> {
    let at = |i: usize| -2.0 + 4.0 * i as f32 / (STILL - 1) as f32;
    let mut codes = vec![0f32; STILL * STILL * vae.latent()];
    for (i, code) in codes.chunks_mut(vae.latent()).enumerate() {
        code[0] = at(i % STILL);
        if let Some(second) = code.get_mut(1) {
            *second = -at(i / STILL);
        }
    }
    let device = vae.device();
    let codes = Tensor::from_vec(codes, (STILL * STILL, vae.latent()), device)?.to_dtype(vae.params().dtype())?;
    let pictures = match choices {
        0 => vae.decode(&codes)?.mean()?,
        _ => vae.given(&Tensor::new(&[0u32], device)?)?.decode(&codes)?.mean()?,
    };
    let png = ImageGrid::new(&pictures)?.columns(STILL).scale(1).separator(0, [0; 3]).to_png()?;
    Ok(format!(
        "<figure class=\"still\" style=\"margin:0\"><img alt=\"{0} by {0} pictures, decoded from codes between −2 and 2\" \
         src=\"data:image/png;base64,{1}\"><figcaption>Decoded from a grid of codes. Where scripts may run this figure is live: run the cell, \
         or trust the notebook.</figcaption></figure>",
        STILL,
        output::base64(&png)
    ))
}

/// What the script reads, for tests.
#[cfg(test)]
fn payload(explorer: &Explorer) -> serde_json::Value {
    let json = explorer.html.split("<script type=\"application/json\">").nth(1).unwrap();
    serde_json::from_str(json.split("</script>").next().unwrap()).unwrap()
}

#[cfg(test)]
mod tests;
