//! A folder of pictures that are decoded when a batch asks for them: x = pixels / 255, nothing is kept in memory.

use super::harness;
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    thread::{self, ThreadId},
};
use vae_core::{image::GrayImage, prelude::*};

/// The files of a folder, by name, as grey pictures of one size.
struct Folder {
    files: Vec<PathBuf>,
    shape: (usize, usize, usize),
}

impl Folder {
    fn open(folder: &Path, height: usize, width: usize) -> std::io::Result<Self> {
        let files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        let mut files = files.collect::<std::io::Result<Vec<_>>>()?;
        files.sort();
        Ok(Self { files, shape: (1, height, width) })
    }
}

impl Data for Folder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn shape(&self) -> Shape {
        self.shape.into()
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        let picture = |&i: &usize| Picture::open(&self.files[i])?.tensor(self.shape, &Device::Cpu);
        Ok(Batch { x: Tensor::cat(&indices.iter().map(picture).collect::<Result<Vec<_>>>()?, 0)?, y: None })
    }
}

/// The first digits of the embedded set, as PNG files.
fn digits_as_files(count: usize) -> (tempfile::TempDir, Images) {
    let (folder, digits) = (tempfile::tempdir().unwrap(), data::digits(&Device::Cpu).unwrap().train.take(count));
    for i in 0..count {
        let pixels = (digits.at(&[i]).unwrap() * 255.0).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let bytes = pixels.iter().map(|pixel| pixel.round() as u8).collect();
        GrayImage::from_raw(28, 28, bytes).unwrap().save(folder.path().join(format!("{i:04}.png"))).unwrap();
    }
    (folder, digits)
}

fn small() -> MlpVae {
    MlpVae::new(MlpVaeConfig { hidden: vec![16], latent: 3, ..Default::default() }, &Device::Cpu, 1).unwrap()
}

/// A batch holds the pixels of the pictures that it was asked for, in that order.
#[test]
fn batches_are_the_pictures() {
    let (folder, digits) = digits_as_files(9);
    let pictures = Folder::open(folder.path(), 28, 28).unwrap();
    assert_eq!((pictures.len(), pictures.shape().dims()), (9, &[1, 28, 28][..]));
    let order = [8, 0, 3, 3];
    check::close("pixels", pictures.batch(&order).unwrap().x, digits.at(&order).unwrap(), 1e-7).unwrap();
}

/// Training on files is training on the same pixels in memory, bit for bit, and it decodes them beside the work.
#[test]
fn trains_like_pictures_in_memory() {
    /// Who asked for a batch.
    struct Watched(Folder, Mutex<HashSet<ThreadId>>);
    impl Data for Watched {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn shape(&self) -> Shape {
            self.0.shape()
        }

        fn batch(&self, indices: &[usize]) -> Result<Batch> {
            self.1.lock().unwrap().insert(thread::current().id());
            self.0.batch(indices)
        }
    }
    let (folder, digits) = digits_as_files(160);
    let pictures = Watched(Folder::open(folder.path(), 28, 28).unwrap(), Mutex::default());
    let train = |data: &dyn Data| harness::trains_and_resumes(small, Elbo::default, data, |t| t.validation(32)).1;
    let history = train(&pictures);
    assert!(history.epochs[3].train.elbo > history.epochs[0].train.elbo + 20.0);
    assert!(pictures.1.into_inner().unwrap().len() > 1, "every batch was made by the thread that trains");
    let in_memory = train(&digits);
    assert!(history.epochs.iter().zip(&in_memory.epochs).all(|(a, b)| a.train == b.train));
}

/// A file that breaks stops the run with an error that names it and leaves the last checkpoint as it was; once the file is
/// whole again, the run goes on to where it would have come.
#[test]
fn a_broken_file_stops_training_and_nothing_else() {
    let (folder, _) = digits_as_files(96);
    let runs = tempfile::tempdir().unwrap();
    let run = |name: &str, epochs: usize| {
        let trainer = Trainer::new(Elbo::default()).epochs(epochs).batch_size(32).seed(3).quiet();
        let pictures = Folder::open(folder.path(), 28, 28).unwrap();
        trainer.checkpoints(runs.path().join(name)).resume().fit(&mut small(), &pictures)
    };
    let train = |history: History| history.epochs.into_iter().map(|epoch| epoch.train).collect::<Vec<_>>();
    let whole = train(run("whole", 3).unwrap());

    run("broken", 1).unwrap();
    let last = runs.path().join("broken").join("last.safetensors");
    let (file, before) = (folder.path().join("0077.png"), fs::read(&last).unwrap());
    let good = fs::read(&file).unwrap();
    for bad in [&good[..good.len() / 2], b"not a picture", b""] {
        fs::write(&file, bad).unwrap();
        let error = run("broken", 3).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: ", file.display())), "{error}");
        assert!(fs::read(&last).unwrap() == before, "the checkpoint was touched");
    }
    fs::write(&file, good).unwrap();
    assert_eq!(train(run("broken", 3).unwrap()), whole);
}
