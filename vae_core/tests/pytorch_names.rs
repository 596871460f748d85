//! PyTorch state dicts as files: whose names, types and wrappers are understood, and what is refused.
#![allow(clippy::unwrap_used)]

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use vae_core::{candle::safetensors, prelude::*};

static CPU: Device = Device::Cpu;

type Tensors = HashMap<String, Tensor>;

/// The fully connected architecture that the tests vary: 12–5–4–3.
fn small(seed: u64) -> MlpVae {
    let config = MlpVaeConfig { image: (1, 3, 4), hidden: vec![5, 4], latent: 3, ..Default::default() };
    MlpVae::new(config, &CPU, seed).unwrap()
}

fn state(vae: &dyn Vae) -> Tensors {
    vae.params().iter().map(|(name, var)| (name.to_string(), var.as_tensor().copy().unwrap())).collect()
}

fn renamed(state: Tensors, rename: impl Fn(&str) -> String) -> Tensors {
    state.into_iter().map(|(name, value)| (rename(&name), value)).collect()
}

/// A file with these tensors, in a folder that is deleted with the first of the two.
fn file(state: &Tensors) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state_dict.safetensors");
    safetensors::save(state, &path).unwrap();
    (folder, path)
}

fn values(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn all_values(vae: &dyn Vae) -> Vec<f64> {
    vae.params().iter().flat_map(|(_, var)| values(var)).collect()
}

/// Every spelling of the names that the table of `load_pytorch` has is read as the same weights, and written back in that
/// spelling.
#[test]
fn spellings_mean_the_same() {
    let source = small(1);
    let sequential = |name: &str| {
        let halves = [("encoder.fc1", "encoder.1"), ("encoder.fc2", "encoder.3")];
        let halves = halves.into_iter().chain([("decoder.fc1", "decoder.0"), ("decoder.fc2", "decoder.2")]);
        halves
            .chain([("decoder.fc3", "decoder.10")])
            .fold(name.to_string(), |name, (ours, theirs)| name.replace(ours, theirs))
    };
    let heads = |mu: &'static str, log_var: &'static str| {
        move |name: &str| sequential(name).replace("encoder.fc_mu", mu).replace("encoder.fc_logvar", log_var)
    };
    let nested = |name: &str| {
        let name = name.replace("encoder.fc1", "encoder.net.0.0").replace("encoder.fc2", "encoder.net.1.0");
        name.replace("decoder.fc", "decoder_layers.")
    };
    type Spelling<'a> = (&'a str, Box<dyn Fn(&str) -> String + 'a>);
    let spellings: [Spelling; 9] = [
        ("our own", Box::new(|name| name.into())),
        ("a Sequential, heads beside it", Box::new(heads("z_mean", "z_log_var"))),
        ("other heads", Box::new(heads("mu", "logvar"))),
        ("heads in it", Box::new(heads("encoder.mu", "encoder.log_var"))),
        ("more heads", Box::new(heads("fc_mu", "fc_log_var"))),
        ("nested", Box::new(nested)),
        ("DataParallel", Box::new(|name| format!("module.{name}"))),
        ("torch.compile", Box::new(|name| format!("_orig_mod.{}", name.replace("encoder.", "encoder._orig_mod.")))),
        ("inside another module", Box::new(move |name| format!("model.net.{}", heads("z_mean", "z_log_var")(name)))),
    ];
    for (what, spelling) in spellings {
        let theirs = renamed(state(&source), spelling);
        let (folder, path) = file(&theirs);
        let mut vae = small(2);
        vae.load_pytorch(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(all_values(&vae), all_values(&source), "{what}");
        let back = folder.path().join("back.safetensors");
        source.save_pytorch(&path, &back).unwrap();
        let back = safetensors::load(&back, &CPU).unwrap();
        assert_eq!(back.len(), theirs.len());
        for (name, value) in theirs {
            assert_eq!((back[&name].dims(), values(&back[&name])), (value.dims(), values(&value)), "{what}: {name}");
        }
    }
}

/// A last layer of the encoder with 2·D outputs is μ above ln σ², for fully connected and convolutional models.
#[test]
fn joined_heads_are_split() {
    let conv = ConvVaeConfig::mirrored((1, 8, 8), &[(3, 2), (4, 2)], 3).unwrap();
    let check = |source: &dyn Vae, heads: [&str; 2], last: &str, load: &mut dyn FnMut(&Path) -> Vec<f64>| {
        let mut theirs = state(source);
        for kind in ["weight", "bias"] {
            let parts = heads.map(|head| theirs.remove(&format!("{head}.{kind}")).unwrap());
            theirs.insert(format!("{last}.{kind}"), Tensor::cat(&parts, 0).unwrap());
        }
        assert_eq!(load(&file(&theirs).1), all_values(source));
    };
    let (source, mut target) = (small(1), small(2));
    check(&source, ["encoder.fc_mu", "encoder.fc_logvar"], "encoder.fc3", &mut |path| {
        target.load_pytorch(path).unwrap();
        all_values(&target)
    });
    let [source, mut target] = [1, 2].map(|seed| ConvVae::new(conv.clone(), &CPU, seed).unwrap());
    check(&source, ["z_mean", "z_log_var"], "encoder.9", &mut |path| {
        target.load_pytorch(path).unwrap();
        all_values(&target)
    });
}

/// Weights in float64, float16 and bfloat16 become the nearest float32, and a learned variance may have the shape (1,).
#[test]
fn other_types_are_converted() {
    let config = || MlpVaeConfig {
        image: (1, 3, 4),
        hidden: vec![5],
        latent: 2,
        observation: Observation::GaussianLearned,
        ..Default::default()
    };
    let source = MlpVae::new(config(), &CPU, 1).unwrap();
    source.params().get("decoder.log_var").unwrap().set(&Tensor::new(-1.25f32, &CPU).unwrap()).unwrap();
    for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
        let mut theirs: Tensors =
            state(&source).into_iter().map(|(name, t)| (name, t.to_dtype(dtype).unwrap())).collect();
        let want: Vec<f64> = source.params().iter().flat_map(|(name, _)| values(&theirs[name])).collect();
        let log_var = theirs["decoder.log_var"].reshape(1).unwrap();
        theirs.insert("decoder.log_var".into(), log_var);
        let (folder, path) = file(&renamed(theirs, |name| format!("model.{name}")));
        let mut vae = MlpVae::new(config(), &CPU, 2).unwrap();
        vae.load_pytorch(&path).unwrap();
        assert_eq!(all_values(&vae), want, "{dtype:?}");
        let back = folder.path().join("back.safetensors");
        vae.save_pytorch(&path, &back).unwrap();
        let back = safetensors::load(back, &CPU).unwrap();
        assert_eq!(
            (back["model.decoder.log_var"].dims(), values(&back["model.decoder.log_var"])[0]),
            (&[1][..], -1.25)
        );
    }
}

/// What `load_pytorch` says to a file that has been changed; the model must be as before.
fn refusal(change: impl FnOnce(&mut Tensors)) -> String {
    let mut theirs = state(&small(1));
    change(&mut theirs);
    let mut vae = small(2);
    let before = all_values(&vae);
    let (folder, path) = file(&theirs);
    let text = vae.load_pytorch(&path).unwrap_err().to_string();
    assert_eq!(all_values(&vae), before);
    let back = folder.path().join("back.safetensors");
    assert!(vae.save_pytorch(&path, &back).is_err() && !back.exists());
    text
}

/// One error names every tensor that is missing, unexpected, misshapen, of another type or without finite numbers, and nothing
/// is changed.
#[test]
fn one_error_names_everything() {
    let text = refusal(|theirs| {
        theirs.remove("encoder.fc2.bias");
        theirs.remove("decoder.fc3.weight");
        theirs.insert("encoder.fc1.weight".into(), Tensor::zeros((6, 12), DType::F32, &CPU).unwrap());
        theirs.insert("encoder.fc_mu.bias".into(), Tensor::new(&[1i64, 2, 3], &CPU).unwrap());
        theirs.insert("encoder.fc_logvar.bias".into(), Tensor::new(&[1e300f64, 2., 3.], &CPU).unwrap());
        theirs.insert("decoder.fc1.bias".into(), Tensor::new(&[f32::NAN, 0., 0., 0.], &CPU).unwrap());
        theirs.insert("norm.running_mean".into(), Tensor::zeros(7, DType::F32, &CPU).unwrap());
    });
    for part in [
        "state_dict.safetensors",
        "nothing was changed",
        "encoder.fc2.bias is missing; expected shape [4]",
        "decoder.fc3.weight is missing; expected shape [12, 5]",
        "encoder.fc1.weight has shape [6, 12]; expected [5, 12]",
        "encoder.fc_mu.bias is of type I64",
        "encoder.fc_logvar.bias has numbers that are infinite or NaN",
        "decoder.fc1.bias has numbers that are infinite or NaN",
        "norm.running_mean, of shape [7], is unexpected",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert!(!text.contains("decoder.fc2"), "{text}");
}

/// Too few or too many layers, two names that are one, and layers without an order are not guessed at.
#[test]
fn nothing_is_guessed() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &CPU).unwrap();
    let text = refusal(|theirs| {
        theirs.insert("decoder.fc4.weight".into(), zeros(&[12, 12]));
        theirs.insert("decoder.fc4.bias".into(), zeros(&[12]));
    });
    assert!(text.contains("decoder.fc4.weight, of shape [12, 12], is unexpected") && !text.contains("fc3"), "{text}");
    let text = refusal(|theirs| {
        let renamed = theirs.remove("encoder.fc1.weight").unwrap();
        theirs.insert("encoder.conv2.weight".into(), renamed);
    });
    assert!(text.contains("encoder.fc1.weight is missing") && text.contains("encoder.conv2.weight, of"), "{text}");
    let text = refusal(|theirs| {
        theirs.insert("module.decoder.fc1.bias".into(), zeros(&[4]));
    });
    assert!(text.contains("module.decoder.fc1.bias") && text.contains("same name"), "{text}");
    let text = refusal(|theirs| {
        theirs.remove("encoder.fc_mu.weight");
        theirs.insert("mu.weight".into(), zeros(&[3, 4]));
        theirs.insert("z_mean.weight".into(), zeros(&[3, 4]));
    });
    assert!(text.contains("encoder.fc_mu.weight is missing") && text.contains("z_mean.weight, of"), "{text}");
    let text = refusal(|theirs| {
        theirs.remove("encoder.fc_mu.weight");
        theirs.remove("encoder.fc_mu.bias");
    });
    assert!(text.contains("encoder.fc_mu.bias is missing; expected shape [3]"), "{text}");
    assert!(refusal(Tensors::clear).contains("decoder.fc3.bias is missing"));
    let huge = "9".repeat(40);
    let text = refusal(|theirs| {
        theirs.insert(format!("decoder.fc{huge}.weight"), zeros(&[1]));
    });
    assert!(text.contains(&huge), "{text}");
}

/// A file that is not there, a pickle, a truncated file and an empty one are refused with what to do.
#[test]
fn other_files_are_refused() {
    let (folder, path) = file(&state(&small(1)));
    let mut vae = small(2);
    assert!(vae.load_pytorch(folder.path().join("none")).unwrap_err().to_string().contains("none"));
    let whole = std::fs::read(&path).unwrap();
    for bytes in [b"PK\x03\x04 a pickle".to_vec(), whole[..whole.len() / 2].to_vec(), vec![], vec![255; 64]] {
        std::fs::write(&path, bytes).unwrap();
        let text = vae.load_pytorch(&path).unwrap_err().to_string();
        assert!(text.contains("safetensors.torch.save_file"), "{text}");
    }
}

/// A model of one's own, whose names say nothing, loads by equal names, behind one prefix, and in its own type.
#[test]
fn models_of_ones_own_load_by_equal_names() {
    struct Own(Params);
    impl Vae for Own {
        fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
            Ok(Box::new(DiagonalGaussian::standard_like(x)?))
        }
        fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
            Ok(Box::new(Bernoulli::new(z.clone())?))
        }
        fn latent(&self) -> usize {
            1
        }
        fn shape(&self) -> Shape {
            (1, 1, 1).into()
        }
        fn params(&self) -> &Params {
            &self.0
        }
    }
    let own = || {
        let mut params = Params::new();
        for name in ["fc.weight", "a.fc.weight", "scale"] {
            params.register(name, Var::zeros(2, DType::F64, &CPU).unwrap()).unwrap();
        }
        Own(params)
    };
    for prefix in ["", "net."] {
        let theirs: Tensors = [("fc.weight", 0.1), ("a.fc.weight", 0.2), ("scale", 0.3)]
            .map(|(name, value)| (format!("{prefix}{name}"), Tensor::new(&[value, -value], &CPU).unwrap()))
            .into();
        let (_folder, path) = file(&theirs);
        let mut vae = own();
        let loaded = vae.load_pytorch(&path).map_err(|error| error.to_string());
        if prefix.is_empty() {
            assert_eq!((loaded, all_values(&vae)), (Ok(()), vec![0.1, -0.1, 0.2, -0.2, 0.3, -0.3]));
        } else {
            // Two of theirs end with `fc.weight`: that is for the reader of the message to settle.
            assert!(loaded.unwrap_err().contains("fc.weight is missing; expected shape [2]"));
            assert_eq!(all_values(&vae), [0.0; 6]);
        }
    }
}
