//! What a page holds, and what is refused. What it does is tested in a browser: `tests/test_explorer.py`.

use candle_core::{DType, Device};

use super::*;
use crate::{
    data::{self, Images},
    models::{
        ConditionalVae, ConditionalVaeConfig, ConvVae, ConvVaeConfig, MlpVae, MlpVaeConfig, PriorFamily, WithPrior,
    },
    nn::Activation,
};

const CPU: Device = Device::Cpu;

fn mlp(hidden: usize, latent: usize) -> MlpVae {
    MlpVae::new(MlpVaeConfig { hidden: vec![hidden], latent, ..Default::default() }, &CPU, 1).unwrap()
}

fn digits(n: usize) -> Images {
    data::digits(&CPU).unwrap().test.take(n)
}

/// A page has one set of layers and one set of codes a model, the labels' names, and as many numbers as the model has weights.
#[test]
fn what_a_page_holds() {
    let (a, b, points) = (mlp(16, 2), mlp(24, 2), digits(30));
    let explorer = explorer_over("β", [(1, &a), (4, &b)]).points(&points).class_names(&["zero"]).build().unwrap();
    let page = payload(&explorer);
    assert_eq!(page["models"].as_array().unwrap().len(), 2);
    assert_eq!(page["models"][1]["name"], "4");
    assert_eq!(page["labels"].as_array().unwrap().len(), 30);
    assert_eq!((&page["names"][0], &page["names"][1]), (&"zero".into(), &"1".into()));
    let weights = a.params().count() + b.params().count();
    assert_eq!(page["packed"]["numbers"], weights + 2 * 30 * 2);
    assert_eq!(page["models"][0]["codes"]["kl"].as_array().unwrap().len(), 2);
    let without = super::explorer(&a).without_encoder().build().unwrap();
    assert!(payload(&without)["models"][0]["encoder"].is_null());
    assert!(without.to_html().len() < explorer.to_html().len());
}

/// Convolutions, conditional models with and without a label, and models with a prior of their own have pages.
#[test]
fn kinds_of_models() {
    let conv = ConvVae::new(ConvVaeConfig::mirrored((3, 12, 12), &[(4, 2)], 3).unwrap(), &CPU, 1).unwrap();
    let layers = payload(&explorer(&conv).build().unwrap())["models"][0]["decoder"]["layers"].clone();
    let kinds: Vec<&str> = layers.as_array().unwrap().iter().map(|layer| layer["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["linear", "conv transpose"]);

    let told = |vae: &ConditionalVae| payload(&explorer(vae).without_encoder().build().unwrap());
    let vae = ConditionalVae::new(ConditionalVaeConfig::default(), &CPU, 1).unwrap();
    assert_eq!((&told(&vae)["choices"], &told(&vae)["names"][9]), (&10.into(), &"9".into()));
    let seven = vae.given(&Tensor::new(&[7u32], &CPU).unwrap()).unwrap();
    assert_eq!((&told(&seven)["choices"], &told(&seven)["models"][0]["given"][7]), (&0.into(), &1.0.into()));
    let three = vae.given(&Tensor::new(&[7u32, 8, 9], &CPU).unwrap()).unwrap();
    assert!(explorer(&three).build().unwrap_err().to_string().contains("no label or one for all"));

    let prior = WithPrior::new(mlp(8, 2), PriorFamily::Mixture { components: 3 }, 1).unwrap();
    assert_eq!(payload(&explorer(&prior).points(&digits(5)).build().unwrap())["standard"], false);
}

/// What the script cannot compute or a page cannot hold is refused in words that say what to do.
#[test]
fn refusals() {
    let message = |result: Result<Explorer>| result.unwrap_err().to_string();
    let large = MlpVae::new(MlpVaeConfig { hidden: vec![400, 400], ..Default::default() }, &CPU, 1).unwrap();
    let text = message(explorer(&large).build());
    assert!(
        text.contains("MB") && text.contains("% the decoder's weights") && text.contains("without_encoder"),
        "{text}"
    );
    assert!(explorer(&large).without_encoder().build().unwrap().to_html().len() < MOST_BYTES);

    let odd = Activation::custom("Squared", |x| Ok(x.sqr()?));
    let odd = MlpVae::new(MlpVaeConfig { activation: odd, hidden: vec![4], ..Default::default() }, &CPU, 1).unwrap();
    assert!(message(explorer(&odd).build()).contains("the activation Squared is not known"));

    let small = Images::new(vec![0; 16], vec![0], (1, 4, 4), &CPU).unwrap();
    assert!(message(explorer(&mlp(4, 2)).points(&small).build()).contains("[1, 28, 28], the model's"));
    assert!(message(explorer(&mlp(4, 2)).points(&digits(0)).build()).contains("from 1 to 5000 points"));
    assert!(message(explorer_over("β", [("a", &mlp(4, 2)), ("b", &mlp(4, 3))]).build()).contains("share latent"));
    let broken = mlp(4, 2);
    let bias = broken.params().get("decoder.fc2.bias").unwrap();
    bias.set(&Tensor::full(1e6f32, 784, &CPU).unwrap().to_dtype(DType::F32).unwrap()).unwrap();
    assert!(message(explorer(&broken).build()).contains("float16"));
}

/// A page is saved whole as .html; another ending is an error that says so.
#[test]
fn saving() {
    let folder = tempfile::tempdir().unwrap();
    let explorer = explorer(&mlp(4, 2)).title("<b>&").build().unwrap();
    explorer.save(folder.path().join("a.html")).unwrap();
    let page = std::fs::read_to_string(folder.path().join("a.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<title>&lt;b&gt;&amp;</title>"));
    assert!(explorer.save(folder.path().join("a.svg")).unwrap_err().to_string().contains(".html"));
}
