//! The three architectures that this project began with, from PyTorch into this crate and back.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use vae_core::{candle::safetensors, prelude::*};

const CPU: Device = Device::Cpu;

fn values(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The three original architectures load by the names and shapes that their PyTorch modules have, each number into its place.
#[test]
fn the_originals_load_by_name() {
    // Cargo runs tests in the crate's folder.
    let shapes = "../tests/parity/fixtures/shapes.json";
    let shapes: BTreeMap<String, BTreeMap<String, Vec<usize>>> =
        vae_core::serde_json::from_slice(&std::fs::read(shapes).unwrap()).unwrap();
    assert_eq!(shapes.keys().collect::<Vec<_>>(), ["convolutional", "denoising_notebook", "guide"]);
    let mut random = Random::new(3);
    let folder = tempfile::tempdir().unwrap();
    for (name, shapes) in shapes {
        let theirs: HashMap<String, Tensor> =
            shapes.into_iter().map(|(key, shape)| (key, random.normal(shape, &CPU).unwrap())).collect();
        let path = folder.path().join("state_dict.safetensors");
        safetensors::save(&theirs, &path).unwrap();
        let vae = original(&name, &path).unwrap();
        let part = |name: &str, from| theirs[name].narrow(0, from, 40).unwrap();
        for (own, var) in vae.params().iter() {
            let plain = |name: &str| name.rsplit_once('.').unwrap().1.to_string();
            let want = match (&*name, own) {
                ("denoising_notebook", name) if name.contains("fc_mu") => {
                    part(&format!("encoder.3.{}", plain(name)), 0)
                }
                ("denoising_notebook", name) if name.contains("fc_logvar") => {
                    part(&format!("encoder.3.{}", plain(name)), 40)
                }
                ("denoising_notebook", _) => {
                    let theirs_name = own.replace("encoder.fc1", "encoder.1").replace("decoder.fc1", "decoder_hidden");
                    theirs[&theirs_name.replace("decoder.fc2", "decoder_out")].clone()
                }
                _ => theirs[own].clone(),
            };
            assert_eq!(values(var), values(&want), "{name}: {own}");
        }
        assert_eq!(vae.params().count(), theirs.values().map(Tensor::elem_count).sum::<usize>());
    }
}

/// The original of that name with the weights of a file, which are written back beside it: as this crate names them, and as
/// the file does.
fn original(name: &str, path: &Path) -> Result<Box<dyn Vae>> {
    fn through(mut vae: impl Vae + 'static, path: &Path) -> Result<Box<dyn Vae>> {
        vae.load_pytorch(path)?;
        vae.save(path.with_extension("saved"))?;
        vae.save_pytorch(path, path.with_extension("like"))?;
        Ok(Box::new(vae))
    }
    let mlp = |hidden: &[usize], latent| {
        MlpVae::new(MlpVaeConfig { hidden: hidden.to_vec(), latent, ..Default::default() }, &CPU, 9)
    };
    match name {
        "guide" => through(mlp(&[400, 400], 20)?, path),
        "denoising_notebook" => through(mlp(&[512], 40)?, path),
        _ => through(ConvVae::new(ConvVaeConfig::default(), &CPU, 9)?, path),
    }
}

/// The originals as PyTorch itself wrote them, wrapped and in several types, give its outputs to 1e-5 and go back.
#[test]
#[ignore = "tests/parity/round_trip.py runs it, with the folder in VAE_CORE_PARITY"]
fn round_trip() {
    let folder = PathBuf::from(std::env::var_os("VAE_CORE_PARITY").expect("VAE_CORE_PARITY: the folder of the files"));
    let mut worst: f64 = 0.0;
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "expected") {
            continue;
        }
        let expected = safetensors::load(&path, &CPU).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().split('-').next().unwrap();
        let vae = original(name, &path.with_extension("safetensors")).unwrap();
        let posterior = vae.encode(&expected["x"]).unwrap();
        let q = posterior.downcast::<DiagonalGaussian>().unwrap();
        let mean = vae.decode(&q.rsample_with(&expected["epsilon"]).unwrap()).unwrap().mean().unwrap();
        for (what, got) in [("mu", q.mu()), ("log_var", q.log_var()), ("mean", &mean)] {
            let differences = values(got).into_iter().zip(values(&expected[what])).map(|(a, b)| (a - b).abs());
            let error = differences.fold(0.0, f64::max);
            worst = worst.max(error);
            assert!(error <= 1e-5, "{}: {what} differs by {error:.1e}", path.display());
        }
        files += 1;
    }
    assert!(files > 0, "no files in {}", folder.display());
    println!("{files} state dicts; largest difference of an output {worst:.1e}");
}
