//! The table of docs/errors.md: each row is done here, and says what the table says. Run as root, or where user
//! namespaces are allowed, it fills a disk and writes to a read-only one. `cargo test` builds the example beside these tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use vae_core::{
    data::idx,
    eval::disentangle::{self, Codes, DensityMig, FactorScore},
    models,
    prelude::*,
    serde_json,
};

const CPU: Device = Device::Cpu;
const PAGE: &str = include_str!("../../docs/errors.md");
/// What is said where a row cannot be tried on this machine.
const SKIPPED: &str = "skipped";

type Row = fn(&Path) -> Result<()>;

fn images(n: usize) -> Images {
    Images::new((0..16 * n).map(|i| (i % 251) as u8).collect(), vec![1; n], (1, 4, 4), &CPU).unwrap()
}

fn config() -> MlpVaeConfig {
    MlpVaeConfig { image: (1, 4, 4), hidden: vec![3], latent: 2, ..Default::default() }
}

fn vae() -> MlpVae {
    MlpVae::new(config(), &CPU, 1).unwrap()
}

fn fit(change: impl FnOnce(Trainer) -> Trainer) -> Result<()> {
    change(Trainer::new(Elbo::default()).epochs(1).batch_size(8).quiet()).fit(&mut vae(), &images(20)).map(drop)
}

fn fit_on(objective: impl Objective + 'static) -> Result<()> {
    Trainer::new(objective).quiet().fit(&mut vae(), &images(9)).map(drop)
}

fn factor(change: impl FnOnce(&mut FactorVaeConfig)) -> Result<()> {
    let mut config = FactorVaeConfig { latent: 2, hidden: vec![3], ..Default::default() };
    change(&mut config);
    fit_on(FactorVae::new(config, &CPU, 1)?)
}

fn saved(folder: &Path) -> PathBuf {
    let path = folder.join("model.safetensors");
    vae().save(&path).unwrap();
    path
}

/// The file after a change of its bytes.
fn changed(path: PathBuf, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
    path
}

fn trained(folder: &Path) -> PathBuf {
    fit(|trainer| trainer.checkpoints(folder)).unwrap();
    folder.join("last.safetensors")
}

fn tensor(shape: (usize, usize, usize, usize), value: f32) -> Tensor {
    Tensor::full(value, shape, &CPU).unwrap()
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &CPU).unwrap()
}

fn score(x: &Tensor) -> Result<()> {
    scores(&vae(), x, Score::NegativeElbo, 2, 1).map(drop)
}

fn conditional(classes: usize) -> Result<ConditionalVae> {
    let condition = Condition::Classes(classes);
    ConditionalVae::new(ConditionalVaeConfig { condition, ..Default::default() }, &CPU, 1)
}

fn with_prior(vae: impl Vae, family: PriorFamily) -> Result<()> {
    WithPrior::new(vae, family, 1).map(drop)
}

/// A model of sprites of 16×16 pixels.
fn flat() -> MlpVae {
    MlpVae::new(MlpVaeConfig { image: (1, 16, 16), ..config() }, &CPU, 1).unwrap()
}

fn sprites() -> Result<data::Sprites> {
    data::sprites(16, &CPU)
}

/// Two codes, and the values of one factor.
fn codes_of(mu: &[[f32; 2]; 2], values: Vec<usize>) -> Result<Codes> {
    Codes::new(&Tensor::new(mu, &CPU)?, &[("x", values)])
}

fn beta(objective: &dyn Objective, vae: &dyn Vae) -> Result<()> {
    effective_beta(objective, vae, &images(9).batch(&[0, 1, 2])?, 1).map(drop)
}

/// Has forgotten what it is for.
struct KlOnly;

impl Objective for KlOnly {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms> {
        let terms = Elbo::default().terms(vae, batch, epoch, noise)?;
        Ok(Terms::new(terms.kl.clone(), terms.reconstruction, terms.kl, 1.0))
    }

    fn config(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// Has a loss for a critic, and no critic.
struct Critical;

impl Objective for Critical {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms> {
        let terms = Elbo::default().terms(vae, batch, epoch, noise)?;
        let loss = terms.loss.clone();
        Ok(terms.critic(loss))
    }

    fn config(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

fn double(x: &Tensor) -> Tensor {
    x.to_dtype(DType::F64).unwrap()
}

/// A file in the folder, and its path.
fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    fs::write(folder.join(name), bytes).unwrap();
    folder.join(name)
}

/// Read as dSprites: a file of these arrays.
fn dsprites(folder: &Path, arrays: &[(&str, Tensor)]) -> Result<()> {
    Tensor::write_npz(arrays, folder.join("mine.npz"))?;
    data::dsprites(folder.join("mine.npz"), &CPU).map(drop)
}

/// A set of four files with these labels for training.
fn set(folder: &Path, labels: Vec<u32>) -> PathBuf {
    let images = |labels: Vec<u32>| Images::new(vec![9; 784 * labels.len()], labels, (1, 28, 28), &CPU).unwrap();
    idx::write_folder(&folder.join("mnist"), &images(labels), &images(vec![0; 5])).unwrap();
    folder.to_path_buf()
}

/// What the example that trains says when it is run by this shell line, in which `$TRAIN` stands for it.
fn example(folder: &Path, line: &str) -> Result<()> {
    let test = std::env::current_exe().unwrap();
    let train = test.parent().unwrap().parent().unwrap().join("examples").join("train");
    let mut sh = Command::new("sh");
    sh.args(["-c", line]).env("TRAIN", train).env("HERE", folder).env("VAE_CORE_DATA_DIR", folder);
    let output = sh.env_remove("VAE_FAST").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match said.lines().find_map(|line| line.strip_prefix("error: ")) {
        Some(error) => Err(Error::Check(error.into())),
        None if output.status.success() => Ok(()),
        None => panic!("{said}"),
    }
}

/// The example in a mount namespace of its own, in which `$HERE/disk` is a small disk of `options`; afterwards nothing but
/// whole files may be on it.
fn on_a_disk(folder: &Path, options: &str) -> Result<()> {
    set(folder, vec![0; 64]);
    fs::create_dir(folder.join("disk")).unwrap();
    let mount = format!("mount -t tmpfs -o {options} none \"$HERE/disk\"");
    let namespace = |line: &str| format!("unshare --map-root-user --mount sh -c '{line}'");
    let can = Command::new("sh").args(["-c", &namespace(&mount)]).env("HERE", folder).output().unwrap();
    if !can.status.success() {
        return Err(Error::Check(SKIPPED.into()));
    }
    let train = "\"$TRAIN\" --data mnist --hidden 64 --validation 9 --epochs 1 --out \"$HERE/disk/run\"";
    let tidy = "ls -A \"$HERE/disk/run\" 2>/dev/null | grep -v -x -e arguments.json -e history.json > \"$HERE/litter\"";
    let result = example(folder, &namespace(&format!("{mount} && {train}; {tidy}; exit 0")));
    assert_eq!(fs::read_to_string(folder.join("litter")).unwrap(), "");
    result
}

fn rows() -> Vec<(&'static str, Row)> {
    vec![
        ("a batch size of 0", |_| fit(|trainer| trainer.batch_size(0))),
        ("`images.chunks(0)`", |_| images(3).chunks(0).map(drop)),
        ("0 epochs", |_| fit(|trainer| trainer.epochs(0))),
        ("training on no images", |_| Trainer::new(Elbo::default()).fit(&mut vae(), &images(0)).map(drop)),
        ("a latent space of 0 dimensions", |_| MlpVae::new(MlpVaeConfig { latent: 0, ..config() }, &CPU, 1).map(drop)),
        ("a latent space of 0 dimensions, convolutional", |_| {
            ConvVae::new(ConvVaeConfig { latent: 0, ..Default::default() }, &CPU, 1).map(drop)
        }),
        ("a hidden layer as wide as memory", |_| {
            MlpVae::new(MlpVaeConfig { hidden: vec![usize::MAX], ..config() }, &CPU, 1).map(drop)
        }),
        ("a learning rate of 0", |_| fit(|trainer| trainer.learning_rate(0.0))),
        ("a learning rate of −1", |_| fit(|trainer| trainer.learning_rate(-1.0))),
        ("a learning rate of NaN", |_| fit(|trainer| trainer.learning_rate(f64::NAN))),
        ("β of −1", |_| fit_on(Elbo { beta: -1.0, ..Default::default() })),
        ("an ELBO of no draws", |_| fit_on(Elbo { samples: 0, ..Default::default() })),
        ("a β that begins anew before it is warm", |_| {
            fit_on(Elbo { warmup_epochs: 4.0, cycle_epochs: 2.0, ..Default::default() })
        }),
        ("several draws of a mixture of corruptions", |_| {
            let elbo = Elbo { samples: 3, ..Default::default() };
            fit_on(Denoising { elbo, criterion: Criterion::Mixture { draws: 2 }, ..Default::default() })
        }),
        ("an IWAE of no draws", |_| fit_on(Iwae { samples: 0, ..Default::default() })),
        ("free nats of −1", |_| fit_on(FreeBits { nats: -1.0, ..Default::default() })),
        ("free nats per dimension of a prior without dimensions", |_| {
            let mut vae = WithPrior::new(vae(), PriorFamily::Mixture { components: 3 }, 1)?;
            Trainer::new(FreeBits::default()).quiet().fit(&mut vae, &images(9)).map(drop)
        }),
        ("a schedule of no epochs", |_| fit(|trainer| trainer.schedule(Schedule::Cosine { epochs: 0.0 }))),
        ("a bias from no images", |_| vae().set_output_bias(&images(0))),
        ("a capacity of −1 nats", |_| fit_on(Capacity { capacity: -1.0, ..Default::default() })),
        ("β of −1 for the total correlation", |_| {
            fit_on(BetaTcVae { beta: -1.0, dataset: 9, ..Default::default() })
        }),
        ("a β-TCVAE that is not told how many items there are", |_| fit_on(BetaTcVae::default())),
        ("codes of another shape than the posteriors'", |_| {
            let q = DiagonalGaussian::standard((1, 2), DType::F32, &CPU)?;
            let objective = BetaTcVae { dataset: 9, ..Default::default() };
            objective.aggregate(&Tensor::zeros((2, 2), DType::F32, &CPU)?, &q).map(drop)
        }),
        ("a FactorVAE with γ of −1", |_| factor(|config| config.gamma = -1.0)),
        ("a FactorVAE with a hidden layer of 0 units", |_| factor(|config| config.hidden = vec![0])),
        ("a FactorVAE for another number of latent dimensions", |_| factor(|config| config.latent = 3)),
        ("a posterior of another type than an objective asks for", |_| {
            Vae::encode(&vae(), &tensor((1, 1, 4, 4), 0.5))?.downcast::<Bernoulli>().map(drop)
        }),
        ("an objective with a loss for a critic, and no critic", |_| {
            Trainer::new(Critical).fit(&mut vae(), &images(9)).map(drop)
        }),
        ("a formula of shapes that do not fit", |_| (formula(zeros(&[2, 3])) + zeros(&[4])).tensor().map(drop)),
        ("a formula of two number types", |_| {
            (exp(zeros(&[2])) * zeros(&[2]).to_dtype(DType::F64)).tensor().map(drop)
        }),
        ("matrices that cannot be multiplied, in a formula", |_| {
            matmul(zeros(&[2, 3]), zeros(&[2, 3])).tensor().map(drop)
        }),
        ("a number from a formula of several", |_| exp(zeros(&[2, 3])).number().map(drop)),
        ("the gradient of a variable that the loss does not know", |_| {
            let (known, unknown) = (Var::zeros(1, DType::F32, &CPU)?, Var::zeros(1, DType::F32, &CPU)?);
            gradients(&exp(&known).tensor()?, [&known, &unknown]).map(drop)
        }),
        ("the interpolation of several codes", |_| walk::interpolate(&zeros(&[2, 3]), &zeros(&[2, 3]), 3).map(drop)),
        ("the interpolation between a code and another shape", |_| {
            walk::interpolate(&zeros(&[1, 3]), &zeros(&[2, 3]), 3).map(drop)
        }),
        ("a traversal of a dimension that is not there", |_| {
            walk::traverse(&zeros(&[1, 3]), 3, -1.0..=1.0, 3).map(drop)
        }),
        ("a walk of one step", |_| walk::plane(-1.0..=1.0, 1, &CPU).map(drop)),
        ("a row past the end of a table", |_| Data::batch(&tensor((3, 1, 1, 2), 0.5), &[3]).map(drop)),
        ("a stack without heads, taken for a Gaussian", |_| {
            Stack::new().gaussian(&tensor((1, 1, 4, 4), 0.5)).map(drop)
        }),
        ("a conditional model that was given nothing", |_| conditional(10)?.generate(2, &mut Random::new(1)).map(drop)),
        ("a label of which there is no class, given", |_| {
            conditional(10)?.given(&Tensor::new(&[10u32], &CPU)?).map(drop)
        }),
        ("labels that are no whole numbers, given", |_| conditional(10)?.given(&Tensor::new(&[3f32], &CPU)?).map(drop)),
        ("a vector of another width, given", |_| {
            let condition = Condition::Vector(3);
            let vae = ConditionalVae::new(ConditionalVaeConfig { condition, ..Default::default() }, &CPU, 1)?;
            vae.given(&Tensor::zeros((1, 4), DType::F32, &CPU)?).map(drop)
        }),
        ("labels of more items than are decoded, given", |_| {
            let z = Tensor::zeros((2, 20), DType::F32, &CPU)?;
            conditional(10)?.given(&Tensor::new(&[1u32, 2, 3], &CPU)?)?.decode(&z).map(drop)
        }),
        ("a conditional model of no classes", |_| conditional(0).map(drop)),
        ("a prior of no components", |_| with_prior(vae(), PriorFamily::Mixture { components: 0 })),
        ("a VampPrior as large as memory", |_| with_prior(vae(), PriorFamily::Vamp { components: usize::MAX })),
        ("a flow of no couplings", |_| with_prior(vae(), PriorFamily::RealNvp { couplings: 0, hidden: vec![4] })),
        ("a flow with a hidden layer of 0 units", |_| {
            with_prior(vae(), PriorFamily::RealNvp { couplings: 2, hidden: vec![0] })
        }),
        ("a flow in one dimension", |_| {
            let vae = MlpVae::new(MlpVaeConfig { latent: 1, ..config() }, &CPU, 1)?;
            with_prior(vae, PriorFamily::RealNvp { couplings: 2, hidden: vec![4] })
        }),
        ("a VampPrior for an encoder that needs y", |_| {
            with_prior(conditional(10)?, PriorFamily::Vamp { components: 3 })
        }),
        ("a learned prior around a learned prior", |_| {
            let family = PriorFamily::Mixture { components: 3 };
            with_prior(WithPrior::new(vae(), family.clone(), 1)?, family)
        }),
        ("pseudo-inputs that are to begin as no items", |_| {
            let mut vae = WithPrior::new(vae(), PriorFamily::Vamp { components: 3 }, 1)?;
            vae.initialize(&tensor((2, 1, 4, 4), 0.5).narrow(0, 0, 0)?, 1)
        }),
        ("logits of fewer parts than a mixture has", |_| {
            let parts = DiagonalGaussian::standard((3, 2), DType::F32, &CPU)?;
            Mixture::weighted(parts, &Tensor::zeros(2, DType::F32, &CPU)?, 1).map(drop)
        }),
        ("codes of more rows than a mixture is for", |_| {
            let parts = DiagonalGaussian::standard((3, 2), DType::F32, &CPU)?;
            Mixture::new(parts, 1)?.log_prob(&Tensor::zeros((4, 2), DType::F32, &CPU)?).map(drop)
        }),
        ("a coupling's network of another width", |_| {
            let base = DiagonalGaussian::standard((1, 2), DType::F32, &CPU)?;
            RealNvp::new(base, vec![Box::new(|a| Ok(a.clone()))])?.mean().map(drop)
        }),
        ("a kind of model registered that there is", |_| models::register("mlp", |_, _| Ok(Box::new(vae())))),
        ("holding out more images than there are", |_| fit(|trainer| trainer.validation(20))),
        ("images with NaN, scored", |_| score(&tensor((1, 1, 4, 4), f32::NAN))),
        ("bytes that were not divided by 255, scored", |_| score(&tensor((1, 1, 4, 4), 128.0))),
        ("a likelihood from 0 samples", |_| likelihood(&vae(), &images(3), 0, 1).map(drop)),
        ("a likelihood of no images", |_| likelihood(&vae(), &images(0), 2, 1).map(drop)),
        ("a likelihood of images with NaN", |_| likelihood(&vae(), &tensor((1, 1, 4, 4), f32::NAN), 2, 1).map(drop)),
        ("the standard error of a single image's likelihood", |_| {
            likelihood(&vae(), &images(1), 2, 1)?.nll().map(drop)
        }),
        ("a likelihood under weights with NaN", |_| {
            let broken = vae();
            broken.params().get("decoder.fc2.bias").unwrap().set(&Tensor::full(f32::NAN, 16, &CPU)?)?;
            likelihood(&broken, &images(3), 2, 1).map(drop)
        }),
        ("annealing in 0 steps", |_| {
            eval::annealed(&vae(), &images(3), &eval::Annealed { steps: 0, ..Default::default() }, 1).map(drop)
        }),
        ("disentanglement from one code", |_| {
            disentangle::codes(&flat(), &sprites()?, 1, &mut Random::new(1)).map(drop)
        }),
        ("disentanglement of codes with NaN", |_| codes_of(&[[0.0, f32::NAN], [1.0, 0.0]], vec![0, 1]).map(drop)),
        ("disentanglement of a factor that does not vary", |_| {
            codes_of(&[[0.0, 1.0], [1.0, 0.0]], vec![3, 3]).map(drop)
        }),
        ("fewer values of a factor than codes", |_| codes_of(&[[0.0, 1.0], [1.0, 0.0]], vec![3]).map(drop)),
        ("a factor left out that there is not", |_| {
            let settings = FactorScore { leave_out: vec!["colour".into()], ..Default::default() };
            disentangle::factor_score(&flat(), &sprites()?, &settings, &mut Random::new(1)).map(drop)
        }),
        ("a mutual information gap in one bin", |_| codes_of(&[[0.0, 1.0], [1.0, 0.0]], vec![3, 4])?.mig(1).map(drop)),
        ("a FactorVAE metric of no votes", |_| {
            let settings = FactorScore { train: 0, ..Default::default() };
            disentangle::factor_score(&flat(), &sprites()?, &settings, &mut Random::new(1)).map(drop)
        }),
        ("a FactorVAE metric of more items than anyone can encode", |_| {
            let settings = FactorScore { items: usize::MAX, ..Default::default() };
            disentangle::factor_score(&flat(), &sprites()?, &settings, &mut Random::new(1)).map(drop)
        }),
        ("a grid of one value a factor", |_| {
            let settings = DensityMig { values: 1, ..Default::default() };
            disentangle::density_mig(&flat(), &sprites()?, &settings, &mut Random::new(1)).map(drop)
        }),
        ("a collapse judged by one item", |_| collapse(&vae(), &images(1), &CollapseConfig::default()).map(drop)),
        ("an aggregate posterior of one item", |_| {
            collapse(&vae(), &images(9), &CollapseConfig { items: 1, seed: 0 }).map(drop)
        }),
        ("the effective β of a loss without a reconstruction", |_| beta(&KlOnly, &vae())),
        ("the effective β where the KL has no gradient", |_| {
            let vae = vae();
            let zeros = |(name, var): (&str, &Var)| Ok::<_, Error>((name.to_string(), var.zeros_like()?));
            vae.params().restore(&vae.params().iter().map(zeros).collect::<Result<_>>()?)?;
            beta(&Elbo::default(), &vae)
        }),
        ("the standard error of a single run", |_| eval::mean_error(&[0.5]).map(drop)),
        ("images of another shape, encoded", |_| vae().encode(&tensor((2, 1, 5, 4), 0.5)).map(drop)),
        ("images of another type, encoded", |_| vae().encode(&double(&tensor((2, 1, 4, 4), 0.5))).map(drop)),
        ("codes of another type, decoded", |_| {
            vae().decode(&double(&Tensor::zeros((1, 2), DType::F32, &CPU)?)).map(drop)
        }),
        ("pixels of another type, judged by a distribution", |_| {
            let p = vae().decode(&Tensor::zeros((2, 2), DType::F32, &CPU)?)?;
            p.log_prob(&double(&tensor((2, 1, 4, 4), 0.5))).map(drop)
        }),
        ("images that are not contiguous", |_| {
            let x = images(3).tensor()?.transpose(2, 3)?;
            let mu = |x: &Tensor| -> Result<Vec<Vec<f32>>> { Ok(vae().encode(x)?.mu().to_vec2()?) };
            assert_eq!(mu(&x)?, mu(&x.contiguous()?)?);
            Ok(())
        }),
        ("fewer labels than images", |_| Images::new(vec![0; 32], vec![1], (1, 4, 4), &CPU).map(drop)),
        ("a file with a label of which there is no class", |folder| {
            set(folder, vec![0, 1, 10]);
            example(folder, "\"$TRAIN\" --data mnist --out \"$HERE/run\"")
        }),
        ("an image file whose header announces 4 billion images", |folder| {
            let header = [0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 28, 0, 0, 0, 28, 7];
            idx::read_images(&file(folder, "train-images-idx3-ubyte", &header)).map(drop)
        }),
        ("labels where images should be", |folder| {
            idx::write_labels(&folder.join("train-images-idx3-ubyte"), &images(3))?;
            idx::read_images(&folder.join("train-images-idx3-ubyte")).map(drop)
        }),
        ("an image file that was cut short", |folder| {
            idx::write_images(&folder.join("images.gz"), &images(30))?;
            let path = changed(folder.join("images.gz"), |bytes| bytes.truncate(60));
            idx::read_images(&path).map(drop)
        }),
        ("a photograph where a picture of 28×28 pixels should be", |folder| {
            vae_core::image::GrayImage::new(640, 480).save(folder.join("mine.png")).unwrap();
            Picture::open(folder.join("mine.png"))?.tensor((1, 28, 28), &CPU).map(drop)
        }),
        ("a picture of another format", |folder| Picture::open(file(folder, "mine.gif", b"GIF89a")).map(drop)),
        ("a folder in which no picture is sound", |folder| {
            file(folder, "1.jpg", b"\xff\xd8\xff\xe0");
            data::folder(folder, FolderConfig::default(), &CPU).map(drop)
        }),
        ("a folder with pictures beside the folders of their classes", |folder| {
            fs::create_dir(folder.join("cats")).unwrap();
            for name in ["1.png", "cats/2.png"] {
                vae_core::image::GrayImage::new(9, 9).save(folder.join(name)).unwrap();
            }
            data::folder(folder, FolderConfig::default(), &CPU).map(drop)
        }),
        ("a file of dSprites that is not there", |folder| data::dsprites(folder.join("mine.npz"), &CPU).map(drop)),
        ("dSprites without their classes", |folder| {
            dsprites(folder, &[("imgs", Tensor::zeros((2, 3, 4), DType::U8, &CPU)?)])
        }),
        ("dSprites with grey pixels", |folder| {
            let imgs = Tensor::full(255u8, (1, 3, 4), &CPU)?;
            dsprites(folder, &[("imgs", imgs), ("latents_classes", Tensor::zeros((1, 6), DType::I64, &CPU)?)])
        }),
        ("dSprites of which some are missing", |folder| {
            let classes = Tensor::zeros((2, 6), DType::I64, &CPU)?;
            dsprites(folder, &[("imgs", Tensor::zeros((2, 3, 4), DType::U8, &CPU)?), ("latents_classes", classes)])
        }),
        ("weights of another architecture", |folder| {
            MlpVae::new(MlpVaeConfig { latent: 3, ..config() }, &CPU, 1)?.load(saved(folder))
        }),
        ("weights of another kind of model", |folder| ConvVae::open(saved(folder), &CPU).map(drop)),
        ("weights of which one bit has changed", |folder| {
            let path = changed(saved(folder), |bytes| *bytes.last_mut().unwrap() ^= 1);
            models::open(path, &CPU).map(drop)
        }),
        ("weights with NaN among them", |folder| {
            let broken = vae();
            let (_, bias) = broken.params().iter().find(|(name, _)| *name == "decoder.fc1.bias").unwrap();
            bias.set(&Tensor::full(f32::NAN, 3, &CPU)?)?;
            broken.save(folder.join("model.safetensors"))?;
            models::open(folder.join("model.safetensors"), &CPU).map(drop)
        }),
        ("weights as whole numbers", |folder| {
            let path = folder.join("model.safetensors");
            let tensors = std::collections::HashMap::from([("decoder.fc1.bias", Tensor::zeros(3, DType::U8, &CPU)?)]);
            vae_core::candle::safetensors::save(&tensors, &path)?;
            vae().load(path)
        }),
        ("a text where weights should be", |folder| {
            models::open(file(folder, "model.safetensors", b"Not found, sorry"), &CPU).map(drop)
        }),
        ("a model where a detector should be", |folder| Detector::load(saved(folder), &CPU).map(drop)),
        ("resuming with other settings", |folder| {
            trained(folder);
            fit(|trainer| trainer.learning_rate(0.1).batch_size(4).checkpoints(folder).resume())
        }),
        ("starting where an earlier run has its checkpoint", |folder| {
            trained(folder);
            fit(|trainer| trainer.checkpoints(folder))
        }),
        ("resuming from a checkpoint that was cut short", |folder| {
            changed(trained(folder), |bytes| bytes.truncate(2000));
            fit(|trainer| trainer.checkpoints(folder).resume())
        }),
        ("two trainings in one folder", |folder| {
            let lock = fs::File::create(folder.join("training.lock")).unwrap();
            lock.lock().unwrap();
            fit(|trainer| trainer.checkpoints(folder))
        }),
        ("the nearest of fewer images than neighbours", |_| eval::pixel_distances(&images(2), &images(1), 3).map(drop)),
        ("neighbours among images of another shape", |_| {
            eval::pixel_distances(&images(2), &tensor((1, 1, 4, 5), 0.5), 1).map(drop)
        }),
        ("neighbours of an image with NaN", |_| {
            eval::pixel_distances(&images(2), &tensor((1, 1, 4, 4), f32::NAN), 1).map(drop)
        }),
        ("more principal components than pixels", |_| eval::Pca::fit(&images(9), 17).map(drop)),
        ("principal components on images of another size", |_| {
            eval::Pca::fit(&images(9), 2)?.errors(&tensor((1, 1, 4, 5), 0.5)).map(drop)
        }),
        ("a mixture of more Gaussians than codes", |_| {
            eval::GaussianMixture::fit(&Tensor::zeros((3, 2), DType::F32, &CPU)?, 3, 1).map(drop)
        }),
        ("a mixture fitted to codes with NaN", |_| {
            eval::GaussianMixture::fit(&Tensor::full(f32::NAN, (3, 2), &CPU)?, 1, 1).map(drop)
        }),
        ("a mask of grey values", |_| {
            eval::pixel_ranking(&tensor((1, 1, 4, 4), 0.5), &tensor((1, 1, 4, 4), 0.5)).map(drop)
        }),
        ("masks of another size than the maps", |_| {
            eval::pixel_ranking(&tensor((1, 1, 4, 4), 0.5), &tensor((1, 1, 4, 5), 1.0)).map(drop)
        }),
        ("a defect as large as the image", |_| {
            data::Defect::Spot { radius: 4 }.apply(&tensor((1, 1, 4, 4), 0.5), &mut Random::new(1)).map(drop)
        }),
        ("a defect on a black image", |_| {
            data::Defect::Scratch { length: 3 }.apply(&tensor((1, 1, 4, 4), 0.0), &mut Random::new(1)).map(drop)
        }),
        ("the mean of no draws", |_| {
            eval::Denoiser::Draws { vae: &vae(), count: 0, seed: 1 }.apply(&tensor((1, 1, 4, 4), 0.5)).map(drop)
        }),
        ("a cell that a scoreboard does not have", |_| {
            let mut board = eval::Scoreboard::new();
            board.add("digits", "error", 0.9);
            board.cell("digits", "KL").map(drop)
        }),
        ("a group that a table does not have", |_| {
            let mut board = eval::Scoreboard::new();
            board.add("digits", "error", 0.9);
            board.group("garments").map(drop)
        }),
        ("a table without rows", |folder| eval::Scoreboard::read(file(folder, "table.json", b"{}")).map(drop)),
        ("feature maps of two images", |_| {
            Rows::new().feature_row("maps", &tensor((2, 1, 4, 4), 0.5), 3, 28).map(drop)
        }),
        ("maps over images of another size", |_| {
            viz::Heat::new("error", 1.0).over(&tensor((1, 1, 4, 5), 0.5), &tensor((1, 1, 4, 4), 0.5)).map(drop)
        }),
        ("a history that is none", |folder| History::open(file(folder, "history.json", b"{\"epochs\": 3}")).map(drop)),
        ("a model saved into a folder that is not there", |folder| vae().save(folder.join("none/model.safetensors"))),
        ("a model saved where a folder is", |folder| vae().save(folder)),
        ("a model opened where a folder is", |folder| models::open(folder, &CPU).map(drop)),
        ("a model opened where nothing is", |folder| models::open(folder.join("model.safetensors"), &CPU).map(drop)),
        ("checkpoints where a file is", |folder| {
            let path = file(folder, "run", b"");
            fit(|trainer| trainer.checkpoints(path))
        }),
        ("training onto a full disk", |folder| on_a_disk(folder, "size=128k")),
        ("training onto a read-only disk", |folder| on_a_disk(folder, "ro")),
    ]
}

/// The rows of the page's table, and what each says.
fn table() -> BTreeMap<&'static str, &'static str> {
    let lines = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    lines.filter_map(|line| line.split_once(" | ")).skip(1).collect()
}

/// Every row of the table does what it says and says what the table says, and nothing that is done here lacks a row.
#[test]
fn the_table_of_errors() {
    let (mut table, mut wrong) = (table(), vec![]);
    for (what, row) in rows() {
        let folder = tempfile::tempdir().unwrap();
        let said = match row(folder.path()) {
            // A backtrace follows where the environment asks for one.
            Err(error) => error.to_string().lines().next().unwrap_or_default().to_string(),
            Ok(()) => "no error: it works".into(),
        };
        let said = said.replace(&*folder.path().to_string_lossy(), "…");
        let said = said.replace('|', "\\|"); // which would end the cell
        let expected = table.remove(what);
        if said == SKIPPED {
            // Not by `println!`, which the test harness keeps to itself when a test passes.
            let _ = writeln!(std::io::stderr(), "skipped: {what}: neither root nor user namespaces here");
        } else if expected != Some(&said) {
            wrong.push(format!("| {what} | {said} |"));
        }
    }
    assert!(wrong.is_empty(), "these rows of ../docs/errors.md should be\n{}", wrong.join("\n"));
    assert!(table.is_empty(), "nobody does {table:#?}");
}
