//! What is fuzzed: valid files, how they are damaged, the readers that get them, and what must hold of what they accept.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::json;
use vae_core::{
    Result,
    data::{Factored, idx},
    image::{DynamicImage, GrayImage, Luma, RgbImage, RgbaImage},
    models,
    prelude::*,
};

use zip::CompressionMethod::{Deflated, Stored};

use crate::{
    formats,
    mutate::{self, Rng},
};

const CPU: Device = Device::Cpu;
const MIB: usize = 1 << 20;
/// What matrix products keep for themselves, once a thread, when a model that was read is used.
const COMPUTING: usize = 64 * MIB;

/// One kind of file.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// What the file is called.
    pub(crate) file: &'static str,
    pub(crate) corpus: Vec<Vec<u8>>,
    /// (valid, another valid one, randomness) → damaged.
    pub(crate) damage: fn(&[u8], &[u8], &mut Rng) -> Vec<u8>,
    /// Reads the file, and panics when something is accepted that should not be.
    pub(crate) read: fn(&Path) -> Result<()>,
    /// The most memory that reading a file of so many bytes may take.
    pub(crate) memory: fn(usize) -> usize,
}

fn images(n: usize) -> Images {
    let pixels = (0..16 * n).map(|i| (i * 37 % 256) as u8).collect();
    Images::new(pixels, (0..n).map(|i| (i % 3) as u32).collect(), (1, 4, 4), &CPU).unwrap()
}

fn mlp() -> MlpVae {
    let config = MlpVaeConfig { image: (1, 4, 4), hidden: vec![3], latent: 2, ..Default::default() };
    MlpVae::new(config, &CPU, 1).unwrap()
}

fn conv() -> ConvVae {
    let config = ConvVaeConfig::mirrored((1, 4, 4), &[(2, 2)], 2).unwrap();
    ConvVae::new(ConvVaeConfig { observation: Observation::GaussianLearned, ..config }, &CPU, 1).unwrap()
}

/// Told a label, and given one.
fn conditional() -> ConditionalVae {
    let network = MlpVaeConfig { image: (1, 4, 4), hidden: vec![3], latent: 2, ..Default::default() }.into();
    let (condition, prior) = (Condition::Classes(3), Prior::Learned { hidden: vec![2] });
    let config = ConditionalVaeConfig { network, condition, prior, ..Default::default() };
    ConditionalVae::new(config, &CPU, 1).unwrap().given(&Tensor::new(&[1u32], &CPU).unwrap()).unwrap()
}

fn trainer(folder: &Path) -> Trainer {
    Trainer::new(Elbo::default()).epochs(2).batch_size(8).validation(4).keep_best().checkpoints(folder).quiet()
}

/// A folder in memory where there is one, since what is written is synchronized to the disk.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The bytes of the files that `write` makes in a folder.
fn made(write: impl FnOnce(&Path) -> Vec<PathBuf>) -> Vec<Vec<u8>> {
    let folder = scratch();
    write(folder.path()).into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// All weights of a model that was read are numbers, and it can be used.
fn usable(vae: &dyn Vae) {
    assert!(vae.params().all_finite().unwrap());
    assert_eq!(vae.generate(1, &mut Random::new(1)).unwrap().dims()[0], 1);
}

pub(crate) fn plain_idx() -> Target {
    let corpus = made(|folder| {
        let paths: Vec<_> = ["a", "b", "labels"].map(|name| folder.join(name)).into();
        idx::write_images(&paths[0], &images(5)).unwrap();
        idx::write_images(&paths[1], &images(40)).unwrap();
        idx::write_labels(&paths[2], &images(9)).unwrap();
        paths
    });
    Target {
        name: "IDX",
        file: "train-images-idx3-ubyte",
        corpus,
        damage: formats::idx,
        read: read_idx,
        memory: |size| 8 * size + MIB,
    }
}

pub(crate) fn gzipped_idx() -> Target {
    // Inflating keeps windows and tables; what comes out is at most 1032 times what went in, in a growing buffer.
    let memory = |size| 2 * 1032 * size + MIB;
    Target { name: "gzipped IDX", damage: formats::gzipped_idx, memory, ..plain_idx() }
}

fn read_idx(path: &Path) -> Result<()> {
    let labels = idx::read_labels(path);
    let images = idx::read_images(path);
    if let Ok((pixels, (c, h, w))) = &images {
        assert!(*c == 1 && *h > 0 && *w > 0 && !pixels.is_empty() && pixels.len().is_multiple_of(h * w));
        assert!(labels.is_err(), "a file cannot be both");
    }
    labels.map(drop).or(images.map(drop))
}

/// The original file of dSprites, or rather small ones of its form.
pub(crate) fn dsprites() -> Target {
    let file = |sizes: [usize; 5], method| {
        let count = sizes.iter().product::<usize>();
        let mut rows = vec![];
        for mut i in 0..count {
            let mut row = [0i64; 6];
            (0..5).rev().for_each(|f| (row[1 + f], i) = ((i % sizes[f]) as i64, i / sizes[f]));
            rows.extend(row.iter().flat_map(|value| value.to_le_bytes()));
        }
        let pixels: Vec<u8> = (0..12 * count).map(|i| (i % 7 % 2) as u8).collect();
        let classes = formats::npy("<i8", &format!("({count}, 6)"), &rows);
        let imgs = formats::npy("|u1", &format!("({count}, 3, 4)"), &pixels);
        formats::archive(&[("imgs.npy".into(), imgs), ("latents_classes.npy".into(), classes)], &[method])
    };
    let numpy = include_bytes!("../data_dsprites/small.npz").to_vec();
    let corpus = vec![numpy, file([2, 1, 3, 1, 2], Stored), file([1, 1, 2, 2, 2], Deflated), file([1; 5], Deflated)];
    let read = |path: &Path| {
        let data = vae_core::data::dsprites(path, &CPU)?;
        let count = Data::len(&data);
        assert_eq!(data.sizes().iter().map(|(_, size)| size).product::<usize>(), count);
        let batch = data.batch(&[0, count - 1])?;
        assert!(batch.x.flatten_all()?.to_vec1::<f32>()?.iter().all(|&pixel| pixel == 0.0 || pixel == 1.0));
        let last: Vec<u32> = data.sizes().iter().map(|&(_, size)| size as u32 - 1).collect();
        assert_eq!(batch.y.unwrap().to_vec2::<u32>()?, [vec![0; 5], last]);
        Ok(())
    };
    // The archive's directory, and pictures as bits; two of them as floats for the look at the batch.
    let memory = |size: usize| 2 * 1032 * size + MIB;
    Target { name: "dsprites", file: "mine.npz", corpus, damage: formats::npz, read, memory }
}

pub(crate) fn history() -> Target {
    let corpus = made(|folder| {
        trainer(folder).fit(&mut mlp(), &images(20)).unwrap();
        vec![folder.join("history.json")]
    });
    let read = |path: &Path| {
        let history = History::open(path)?;
        // What is read can be shown and written back.
        let _ = (history.to_string(), history.best(), history.plot().to_svg());
        let again = path.with_extension("again");
        history.save(&again)?;
        assert!(History::open(&again)? == history);
        Ok(())
    };
    Target {
        name: "history",
        file: "history.json",
        corpus,
        damage: formats::json,
        read,
        memory: |size| 64 * size + 4 * MIB,
    }
}

pub(crate) fn model() -> Target {
    let corpus = made(|folder| {
        let paths = ["mlp", "conv", "conditional", "vamp", "flow"].map(|name| folder.join(name));
        mlp().save(&paths[0]).unwrap();
        conv().save(&paths[1]).unwrap();
        conditional().save(&paths[2]).unwrap();
        let flow = PriorFamily::RealNvp { couplings: 2, hidden: vec![2] };
        WithPrior::new(conv(), PriorFamily::Vamp { components: 2 }, 1).unwrap().save(&paths[3]).unwrap();
        WithPrior::new(mlp(), flow, 1).unwrap().save(&paths[4]).unwrap();
        paths.into()
    });
    let read = |path: &Path| {
        let (opened, one, other) = (models::open(path, &CPU), MlpVae::open(path, &CPU), ConvVae::open(path, &CPU));
        let (third, fourth) = (ConditionalVae::open(path, &CPU), WithPrior::open(path, &CPU));
        let mut own = mlp();
        let loaded = own.load(path);
        usable(&own);
        // A file is of one kind.
        let of_kinds = [one.is_ok(), other.is_ok(), third.is_ok(), fourth.is_ok()];
        assert_eq!(opened.is_ok() as usize, of_kinds.iter().filter(|&&is| is).count());
        if let Ok(vae) = &opened {
            usable(vae.given(&Tensor::new(&[2u32], &CPU).unwrap()).unwrap().as_ref());
        }
        opened.map(drop).or(loaded)
    };
    Target {
        name: "model",
        file: "model.safetensors",
        corpus,
        damage: formats::safetensors,
        read,
        memory: |size| 64 * size + COMPUTING,
    }
}

pub(crate) fn checkpoint() -> Target {
    let corpus = made(|folder| {
        trainer(folder).fit(&mut mlp(), &images(20)).unwrap();
        vec![folder.join("last.safetensors"), folder.join("best.safetensors")]
    });
    let read = |path: &Path| {
        let folder = path.parent().unwrap();
        let mut vae = mlp();
        let before = vae.params().snapshot().unwrap();
        // An earlier input may have trained on and written others.
        static BEST: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
            made(|folder| {
                mlp().save(folder.join("best")).unwrap();
                vec![folder.join("best")]
            })
        });
        std::fs::write(folder.join("best.safetensors"), &BEST[0]).unwrap();
        let result = trainer(folder).resume().fit(&mut vae, &images(20));
        usable(&vae);
        assert!(!folder.join("training.lock").exists());
        match result {
            Ok(history) => assert_eq!(history.epochs.len(), 2),
            Err(error) => {
                for (name, var) in vae.params().iter() {
                    let same = var.eq(&before[name])?.min_all()?.to_scalar::<u8>()?;
                    assert_eq!(same, 1, "refused, yet {name} changed");
                }
                return Err(error);
            }
        }
        Ok(())
    };
    Target {
        name: "checkpoint",
        file: "last.safetensors",
        corpus,
        damage: formats::safetensors,
        read,
        memory: |size| 64 * size + COMPUTING,
    }
}

pub(crate) fn detector() -> Target {
    let corpus = made(|folder| {
        let config = DetectorConfig { false_positive_rate: 0.2, samples: 2, ..Default::default() };
        let paths = [folder.join("one"), folder.join("near")];
        Detector::fit(&mlp(), &images(12), config).unwrap().save(&paths[0]).unwrap();
        Detector::fit_near(&mlp(), &images(9), 2, &images(24), config).unwrap().save(&paths[1]).unwrap();
        paths.into()
    });
    let read = |path: &Path| {
        let detector = Detector::load(path, &CPU)?;
        let _ = (detector.to_string(), detector.threshold().expected_rate(), detector.threshold().spread());
        usable(detector.vae());
        // So many draws from a file would only take long.
        if detector.config().samples <= 16 {
            let (c, h, w) = detector.vae().shape().dims3()?;
            let black = Images::new(vec![0; c * h * w], vec![0], (c, h, w), &CPU)?;
            // Huge weights may make a score that is no number; that is an error, not a verdict.
            if let Ok(verdicts) = detector.judge(&black) {
                assert_eq!(verdicts.len(), 1);
            }
        }
        Ok(())
    };
    Target {
        name: "detector",
        file: "detector.safetensors",
        corpus,
        damage: formats::safetensors,
        read,
        memory: |size| 64 * size + COMPUTING,
    }
}

pub(crate) fn picture() -> Target {
    let corpus = made(|folder| {
        let grey = GrayImage::from_fn(9, 7, |x, y| Luma([(x * y) as u8]));
        let colour = RgbaImage::from_fn(5, 5, |x, y| vae_core::image::Rgba([x as u8, 200, y as u8, 99]));
        let wide = DynamicImage::ImageLuma16(vae_core::image::ImageBuffer::from_pixel(3, 4, Luma([777u16])));
        let pictures = [grey.into(), colour.into(), wide];
        let save = |(i, picture): (usize, DynamicImage)| {
            let path = folder.join(format!("{i}.png"));
            picture.save(&path).unwrap();
            path
        };
        pictures.into_iter().enumerate().map(save).collect()
    });
    let read = |path: &Path| {
        let picture = Picture::open(path)?;
        let (h, w) = picture.size();
        assert!(h > 0 && w > 0 && h <= 16_384 && w <= 16_384);
        if h * w < 10_000 {
            let values: Vec<f32> = picture.resize(3, 3)?.tensor((1, 3, 3), &CPU)?.flatten_all()?.to_vec1()?;
            assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        }
        Ok(())
    };
    // Decoded, as red, green, blue and transparency, and without transparency.
    let memory = |size: usize| (3 * 1032 * 8 * 4 * size).min(640 * MIB) + MIB;
    Target { name: "picture", file: "mine.png", corpus, damage: formats::png, read, memory }
}

/// A folder with one file in it, PNG or JPEG, kept and from the disk.
pub(crate) fn folder() -> Target {
    let corpus = made(|folder| {
        let grey = GrayImage::from_fn(19, 17, |x, y| Luma([(x * y) as u8]));
        let colour = RgbImage::from_fn(33, 20, |x, y| vae_core::image::Rgb([(7 * x) as u8, 200, (9 * y) as u8]));
        let save = |(name, picture): (&str, DynamicImage)| {
            let path = folder.join(name);
            picture.save(&path).unwrap();
            path
        };
        [("1.jpg", grey.clone().into()), ("2.jpg", colour.into()), ("3.png", grey.into())].map(save).into()
    });
    let read = |path: &Path| {
        let read = |memory| {
            let config = FolderConfig { size: (4, 5), memory, ..Default::default() };
            vae_core::data::folder(path.parent().unwrap(), config, &CPU)
        };
        match (Picture::open(path), read(0), read(u64::MAX)) {
            // What can be kept can be read again, byte for byte.
            (Ok(_), Ok(disk), Ok(kept)) => assert_eq!(disk.images(&[0])?.bytes(), kept.images(&[0])?.bytes()),
            (Err(error), Err(_), Err(_)) => return Err(error),
            _ => panic!("a picture alone and a folder of it disagree"),
        }
        Ok(())
    };
    // Compressed numbers of two bytes for each channel, what they are decoded to, and twice that where it is turned upright.
    let memory = |size: usize| (6 * 1032 * 8 * 4 * size).min(1024 * MIB) + 8 * MIB;
    let damage = |valid: &[u8], other: &[u8], rng: &mut Rng| {
        let mut bytes = valid.to_vec();
        mutate::bytes(&mut bytes, other, rng);
        bytes
    };
    Target { name: "folder", file: "mine.jpg", corpus, damage, read, memory }
}

pub(crate) fn corruption() -> Target {
    let corpus = ["gaussian:0.2", "salt-and-pepper:0.1", "mask:10", "blur:1.0"].map(|text| text.into()).into();
    let damage = |valid: &[u8], other: &[u8], rng: &mut Rng| {
        let mut text = valid.to_vec();
        mutate::bytes(&mut text, other, rng);
        text
    };
    let read = |path: &Path| {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let wrong = |problem: String| vae_core::Error::File { path: path.into(), problem };
        let corruption: Corruption = text.parse().map_err(|error: vae_core::Error| wrong(error.to_string()))?;
        // What is accepted can be written and read back, and works or says why not.
        assert_eq!(corruption.to_string().parse::<Corruption>()?, corruption);
        let x = images(1).tensor()?;
        corruption.apply(&x, &mut Random::new(1)).map(drop).map_err(|error| wrong(error.to_string()))
    };
    Target { name: "corruption", file: "text", corpus, damage, read, memory: |size| 64 * size + MIB }
}

/// The settings that `--resume` reads, through the example itself.
pub(crate) fn arguments() -> Target {
    let corpus = json!({
        "model": "Denoise", "data": "digits", "epochs": 3, "batch_size": 64, "latent": 4, "hidden": [8, 6],
        "corrupt": "gaussian:0.2", "learning_rate": 1e-3, "beta": 1.0, "warmup_epochs": 0.0, "validation": 200,
        "early_stopping": null, "clip_gradient": 5.0, "binarize": false, "seed": 3, "out": "runs/first", "resume": null,
        "summary": false,
    });
    let read = |path: &Path| {
        let test = std::env::current_exe().unwrap();
        let example = test.parent().unwrap().parent().unwrap().join("examples").join("train");
        let mut program = Command::new(example);
        program.args(["--summary", "--resume"]).arg(path.parent().unwrap()).env("VAE_CORE_DEVICE", "cpu");
        let output = program.output().unwrap();
        let problem = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => Ok(()),
            Some(1 | 2) if problem.contains("error: ") => Err(vae_core::Error::File { path: path.into(), problem }),
            code => panic!("ended with {code:?}: {problem}"),
        }
    };
    let corpus = vec![corpus.to_string().into_bytes()];
    Target { name: "arguments", file: "arguments.json", corpus, damage: formats::json, read, memory: |_| MIB }
}
