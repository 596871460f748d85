//! Disentanglement on codes whose scores are known: perfect, turned, noisy, doubled, merged and dead ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use vae_core::{
    data::Factored,
    eval::disentangle::{BINS, Codes, DensityMig, FactorScore, Gaps, codes, density_mig, factor_score, report},
    prelude::*,
    serde_json,
};

const CPU: Device = Device::Cpu;

/// Data whose items are the values of their factors, each moved to [−1, 1].
struct Values(Vec<(&'static str, usize)>);

impl Factored for Values {
    fn sizes(&self) -> &[(&str, usize)] {
        &self.0
    }
}

impl Data for Values {
    fn len(&self) -> usize {
        self.0.iter().map(|factor| factor.1).product()
    }

    fn shape(&self) -> Shape {
        self.0.len().into()
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        let place = |(value, &(_, size)): (usize, &(&str, usize))| match size {
            1 => 0.0,
            _ => 2.0 * value as f32 / (size - 1) as f32 - 1.0,
        };
        let item = |&i: &usize| self.factors(i).into_iter().zip(&self.0).map(place).collect::<Vec<_>>();
        let x: Vec<f32> = indices.iter().flat_map(item).collect();
        Ok(Batch { x: Tensor::from_vec(x, (indices.len(), self.0.len()), &CPU)?, y: None })
    }
}

/// A model with nothing to learn: q(z|x) = N(xA, σ²).
struct Linear {
    a: Tensor,
    sigma: f64,
    params: Params,
}

/// By the rows of A, one for each factor.
fn linear<const D: usize>(rows: &[[f32; D]], sigma: f64) -> Linear {
    let a = Tensor::from_vec(rows.concat(), (rows.len(), D), &CPU).unwrap();
    Linear { a, sigma, params: Params::new() }
}

impl Vae for Linear {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        let mu = x.matmul(&self.a)?;
        let log_var = mu.zeros_like()?.affine(1.0, 2.0 * self.sigma.ln())?;
        Ok(Box::new(DiagonalGaussian::new(mu, log_var)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Gaussian::fixed(z.matmul(&self.a.t()?)?, 1.0)?))
    }

    fn latent(&self) -> usize {
        self.a.dims()[1]
    }

    fn shape(&self) -> Shape {
        self.a.dims()[0].into()
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// Two factors of 10 and 6 values.
fn two() -> Values {
    Values(vec![("x", 10), ("y", 6)])
}

/// The codes of every item, once: factors are then independent in the sample, not only in expectation.
fn every(vae: &Linear, data: &Values) -> Result<Codes> {
    let all: Vec<usize> = (0..Data::len(data)).collect();
    let values = |k: usize| all.iter().map(|&i| data.factors(i)[k]).collect();
    let factors: Vec<(&str, Vec<usize>)> = data.0.iter().enumerate().map(|(k, f)| (f.0, values(k))).collect();
    Codes::new(&vae.encode(&data.batch(&all)?.x)?.mean()?, &factors)
}

fn votes(vae: &Linear, data: &Values, settings: &FactorScore) -> Result<f64> {
    Ok(factor_score(vae, data, settings, &mut Random::new(3))?.score)
}

fn close(got: f64, wanted: f64, within: f64) {
    assert!((got - wanted).abs() <= within, "{got} instead of {wanted}");
}

const PERFECT: [[f32; 2]; 2] = [[1.0, 0.0], [0.0, 1.0]];
const TURNED: [[f32; 2]; 2] = [[1.0, 1.0], [-1.0, 1.0]];

/// A dimension for each factor is the best there is, by every score; in any order, of any sign and width, and with dead dimensions.
#[test]
fn perfect_codes() -> Result<()> {
    let dead = [[0.0, 0.0, -70.0], [0.5, 0.0, 0.0]];
    let exact = |codes: &Codes| -> Result<()> {
        close(codes.mig(BINS)?.mean(), 1.0, 1e-12);
        close(codes.sap().mean(), 1.0, 1e-9);
        let dci = codes.dci();
        for (part, least) in [(dci.disentanglement, 1.0), (dci.completeness, 1.0), (dci.informativeness, 0.999)] {
            close(part, 1.0, 1.0 - least + 1e-9);
        }
        let active = codes.mig(BINS)?.table.iter().filter(|row| row.iter().any(|told| *told > 0.0)).count();
        close(codes.modularity(BINS)?, active as f64 / codes.mu()?.dims()[1] as f64, 1e-9);
        Ok(())
    };
    exact(&every(&linear(&PERFECT, 0.01), &two())?)?;
    exact(&every(&linear(&dead, 0.01), &two())?)?;
    for scale in [1e-3f32, 1.0, 30.0] {
        let vae = linear(&PERFECT.map(|row| row.map(|a| a * scale)), 0.01 * f64::from(scale));
        let settings = FactorScore { least_std: 1e-6, ..Default::default() };
        close(votes(&vae, &two(), &settings)?, 1.0, 0.0);
        let gaps = density_mig(&vae, &two(), &DensityMig { values: 10, ..Default::default() }, &mut Random::new(1))?;
        close(gaps.mean(), 1.0, 0.02);
    }
    close(votes(&linear(&dead, 0.01), &two(), &FactorScore::default())?, 1.0, 0.0);
    Ok(())
}

/// Factors with more values than there are bins are told as far as the bins go: of 40 values in 20 bins each bin holds two, and ln 20 of
/// ln 40 nats are told. Where bins hold different numbers of values, the sum is that of their shares.
#[test]
fn bins_lose_what_they_lose() -> Result<()> {
    let data = Values(vec![("x", 40), ("y", 32)]);
    let gaps = every(&linear(&PERFECT, 0.01), &data)?.mig(BINS)?;
    close(gaps.gaps[0], 20f64.ln() / 40f64.ln(), 1e-9);
    let mut counts = [0.0; BINS];
    (0..32).for_each(|value| counts[(value as f64 / 31.0 * 20.0).min(19.0) as usize] += 1.0 / 32.0);
    close(gaps.gaps[1], counts.iter().map(|p: &f64| -p * p.ln()).sum::<f64>() / 32f64.ln(), 1e-9);
    Ok(())
}

/// After a turn by 45° each dimension tells as much of a factor as the other: no gap is left, in either protocol, though nothing was lost,
/// and votes are guesses.
#[test]
fn turned_codes() -> Result<()> {
    let data = Values(vec![("x", 10), ("y", 10)]);
    let vae = linear(&TURNED, 0.01);
    let gaps = every(&vae, &data)?.mig(BINS)?;
    assert!(gaps.mean() < 1e-9 && gaps.table.iter().flatten().all(|told| *told > 0.18), "{gaps:?}");
    let gaps = density_mig(&vae, &data, &DensityMig { values: 10, ..Default::default() }, &mut Random::new(1))?;
    assert!(gaps.mean() < 0.03 && gaps.table.iter().flatten().all(|told| *told > 0.18), "{gaps:?}");
    let codes = every(&vae, &data)?;
    let dci = codes.dci();
    assert!(dci.disentanglement < 0.01 && dci.completeness < 0.01 && dci.informativeness > 0.99, "{dci:?}");
    close(codes.sap().mean(), 0.0, 1e-9);
    close(codes.modularity(BINS)?, 0.0, 1e-9);
    let score = votes(&vae, &data, &FactorScore::default())?;
    assert!((score - 0.5).abs() < 0.1, "{score}");
    Ok(())
}

/// What a noisy code tells of its factor is I(v; v + noise), here by numerical integration, to 2 %; what another factor's tells is 0.
#[test]
fn noisy_codes_tell_what_theory_says() -> Result<()> {
    let data = two();
    for sigma in [0.1, 0.3, 1.0] {
        // H(v + noise) − H(noise), of values in equal steps from −1 to 1.
        let told = |size: usize| {
            let normal = |x: f64| (-0.5 * (x / sigma).powi(2)).exp() / (sigma * std::f64::consts::TAU.sqrt());
            let density = |z: f64| {
                let place = |v: usize| 2.0 * v as f64 / (size - 1) as f64 - 1.0;
                (0..size).map(|v| normal(z - place(v))).sum::<f64>() / size as f64
            };
            let step = sigma / 200.0;
            let steps = ((1.0 + 8.0 * sigma) / step) as i64;
            let surprise = |i: i64| match density(i as f64 * step) {
                0.0 => 0.0,
                q => -q * q.ln(),
            };
            let both = (-steps..=steps).map(surprise).sum::<f64>() * step;
            both - (sigma * (std::f64::consts::TAU * std::f64::consts::E).sqrt()).ln()
        };
        // Many items of the same factors, so that draws are many: 60 · 64.
        let data = Values([data.0.clone(), vec![("other", 64)]].concat());
        let rows = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]];
        let settings = DensityMig { values: 64, leave_out: vec!["other".into()], ..Default::default() };
        let gaps = density_mig(&linear(&rows, sigma), &data, &settings, &mut Random::new(1))?;
        for (k, size) in [10, 6].into_iter().enumerate() {
            close(gaps.table[k][k], told(size) / (size as f64).ln(), 0.02);
            close(gaps.table[1 - k][k], 0.0, 0.02);
        }
        assert_eq!(gaps.factors, ["x", "y"]);
    }
    Ok(())
}

/// Of a code v + noise a straight line predicts Var v / (Var v + σ²): SAP, and the informativeness.
#[test]
fn noisy_codes_predict_what_theory_says() -> Result<()> {
    let all = every(&linear(&PERFECT, 0.01), &Values(vec![("x", 100), ("y", 100)]))?;
    // The variance of 100 values in equal steps from −1 to 1.
    let variance = (101.0 / 99.0) / 3.0;
    for sigma in [0.1, 0.5, 1.0] {
        let noise = Random::new(1).normal((10_000, 2), &CPU)?.to_dtype(DType::F64)?.affine(sigma, 0.0)?;
        let codes = all.with(&(all.mu()? + noise)?)?;
        let told = variance / (variance + sigma * sigma);
        close(codes.sap().mean(), told, 0.02);
        close(codes.dci().informativeness, told, 0.03);
    }
    Ok(())
}

/// One factor in two dimensions has no gap, all votes and is incomplete; two factors in one dimension are entangled, with votes for one of
/// them at most.
#[test]
fn doubled_and_merged_codes() -> Result<()> {
    let doubled = linear(&[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], 0.01);
    let gaps = every(&doubled, &two())?.mig(BINS)?;
    close(gaps.gaps[0], 0.0, 1e-12);
    close(gaps.gaps[1], 1.0, 1e-12);
    close(votes(&doubled, &two(), &FactorScore::default())?, 1.0, 0.0);

    // Copies with noise of their own: of equal ones a lasso would take one. Completeness of x is 1 − ln 2 / ln 3, that of y is 1.
    let all = every(&linear(&[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], 0.01), &Values(vec![("x", 100), ("y", 100)]))?;
    let mu = all.mu()?;
    let dci =
        all.with(&(mu + Random::new(1).normal((10_000, 3), &CPU)?.to_dtype(DType::F64)?.affine(0.1, 0.0)?)?)?.dci();
    assert!(dci.disentanglement > 0.99, "{dci:?}");
    close(dci.completeness, (1.0 - 2f64.ln() / 3f64.ln() + 1.0) / 2.0, 0.02);

    let dci = every(&linear(&[[1.0, 0.0], [1.0, 0.0]], 0.01), &two())?.dci();
    assert!(dci.disentanglement < 0.01 && dci.completeness == 1.0, "{dci:?}");

    let merged = linear(&[[1.0], [0.1]], 0.01);
    let gaps = every(&merged, &two())?.mig(BINS)?;
    assert!(gaps.gaps[0] > 0.6 && gaps.gaps[1] < 0.6, "with one dimension the gap is all it tells: {gaps:?}");
    let score = votes(&merged, &two(), &FactorScore::default())?;
    assert!((score - 0.5).abs() < 0.1, "{score}");
    Ok(())
}

/// An encoder that was never trained does far worse than a perfect one on sprites.
#[test]
fn an_untrained_encoder_scores_low() -> Result<()> {
    let sprites = data::sprites(32, &CPU)?;
    let config = MlpVaeConfig { image: (1, 32, 32), hidden: vec![100], latent: 6, ..Default::default() };
    let vae = MlpVae::new(config, &CPU, 1)?;
    let random = &mut Random::new(1);
    let codes = codes(&vae, &sprites, 5_000, random)?;
    assert!(codes.mig(BINS)?.mean() < 0.1, "{:?}", codes.mig(BINS)?);
    let settings = FactorScore { train: 200, test: 200, spread: 2_000, ..Default::default() };
    assert!(factor_score(&vae, &sprites, &settings, random)?.score < 0.6);
    let settings = DensityMig { values: 3, ..Default::default() };
    assert!(density_mig(&vae, &sprites, &settings, random)?.mean() < 0.1);
    Ok(())
}

/// Dead dimensions get no vote, and where all are dead the score is 0; constant codes have no gap.
#[test]
fn dead_codes() -> Result<()> {
    let vae = linear(&[[1.0, 0.0, 0.01], [0.0, 1.0, 0.0]], 0.01);
    let got = factor_score(&vae, &two(), &FactorScore::default(), &mut Random::new(1))?;
    assert_eq!((got.score, &got.table[2]), (1.0, &vec![0, 0]));
    close(got.std[2], 0.01 * got.std[0], 1e-6);
    for zero in [[[0.0, 0.0], [0.0, 0.0]], [[1e-5, 0.0], [0.0, 1e-5]]] {
        assert_eq!(votes(&linear(&zero, 1.0), &two(), &FactorScore::default())?, 0.0);
    }
    let constant = linear(&[[0.0], [0.0]], 1.0);
    let no_threshold = FactorScore { least_std: 0.0, ..Default::default() };
    assert_eq!(votes(&constant, &two(), &no_threshold)?, 0.0);
    assert_eq!(every(&constant, &two())?.mig(BINS)?.mean(), 0.0);
    let gaps = density_mig(&constant, &two(), &DensityMig::default(), &mut Random::new(1))?;
    close(gaps.mean(), 0.0, 0.05);
    Ok(())
}

/// A factor of one value is left out by every score, and so is one that is asked to be.
#[test]
fn factors_that_do_not_count() -> Result<()> {
    let data = Values(vec![("x", 10), ("colour", 1), ("y", 6)]);
    let vae = linear(&[[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]], 0.01);
    let random = &mut Random::new(1);
    let names = |gaps: Gaps| gaps.factors;
    assert_eq!(names(codes(&vae, &data, 500, random)?.mig(BINS)?), ["x", "y"]);
    assert_eq!(names(codes(&vae, &data, 500, random)?.without(&["y"])?.mig(BINS)?), ["x"]);
    assert_eq!(names(density_mig(&vae, &data, &DensityMig::default(), random)?), ["x", "y"]);
    assert_eq!(factor_score(&vae, &data, &FactorScore::default(), random)?.factors, ["x", "y"]);
    let leave_out = vec!["x".to_string()];
    let settings = FactorScore { leave_out: leave_out.clone(), ..Default::default() };
    assert_eq!(factor_score(&vae, &data, &settings, random)?.factors, ["y"]);
    assert_eq!(names(density_mig(&vae, &data, &DensityMig { leave_out, ..Default::default() }, random)?), ["y"]);
    Ok(())
}

/// The same seed gives the same bits, with one thread and with three; another seed gives others. A report is read back as it was.
#[test]
fn threads_change_nothing() -> Result<()> {
    let data = Values(vec![("x", 10), ("shape", 3), ("y", 6)]);
    let vae = linear(&[[1.0, 0.2, 0.1], [0.3, 0.7, 0.0], [0.0, 0.1, 0.9]], 0.2);
    let run = |threads: usize, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| report(&vae, &data, seed))
    };
    let one = run(1, 5)?;
    assert_eq!(one, run(3, 5)?);
    assert_ne!(one, run(1, 6)?);
    assert_eq!(one.density_mig.factors, ["x", "y"]);
    let text = serde_json::to_string(&one).unwrap();
    assert_eq!(one, serde_json::from_str(&text).unwrap());
    assert!(one.scores().iter().all(|(name, score)| one.to_string().contains(name) && (0.0..=1.0).contains(score)));
    Ok(())
}

/// Whatever is not a number, missing, or too little to say anything is an error or a 0, and no panic.
#[test]
fn hostile_input() -> Result<()> {
    let random = &mut Random::new(1);
    let message = |error: Error| error.to_string();
    let nan = linear(&[[f32::NAN, 0.0], [0.0, 1.0]], 0.1);
    for error in [
        message(codes(&nan, &two(), 100, random).unwrap_err()),
        message(factor_score(&nan, &two(), &FactorScore::default(), random).unwrap_err()),
        message(density_mig(&nan, &two(), &DensityMig::default(), random).unwrap_err()),
        message(report(&linear(&[[f32::INFINITY, 0.0], [0.0, 1.0]], 0.1), &two(), 1).unwrap_err()),
    ] {
        assert!(error.contains("is the model trained?"), "{error}");
    }
    let vae = linear(&PERFECT, 0.1);
    let empty = Values(vec![("x", 0), ("y", 6)]);
    for error in [
        message(codes(&vae, &empty, 100, random).unwrap_err()),
        message(factor_score(&vae, &empty, &FactorScore::default(), random).unwrap_err()),
        message(density_mig(&vae, &empty, &DensityMig::default(), random).unwrap_err()),
    ] {
        assert!(error.contains("no items"), "{error}");
    }
    let single = Values(vec![("x", 1), ("y", 1)]);
    assert!(message(report(&vae, &single, 1).unwrap_err()).contains("no factor to measure (x, y)"));
    assert!(report(&linear(&[[1.0]; 3], 0.1), &two(), 1).is_err(), "items of another shape");
    for settings in [
        FactorScore { items: 1, ..Default::default() },
        FactorScore { train: 0, ..Default::default() },
        FactorScore { test: 0, ..Default::default() },
        FactorScore { spread: 1, ..Default::default() },
        FactorScore { items: usize::MAX, ..Default::default() },
        FactorScore { least_std: f64::NAN, ..Default::default() },
        FactorScore { leave_out: vec!["x".into(), "y".into()], ..Default::default() },
    ] {
        assert!(factor_score(&vae, &two(), &settings, random).is_err(), "{settings:?}");
    }
    for settings in [
        DensityMig { values: 1, ..Default::default() },
        DensityMig { draws: 0, ..Default::default() },
        DensityMig { leave_out: vec!["z".into()], ..Default::default() },
    ] {
        assert!(density_mig(&vae, &two(), &settings, random).is_err(), "{settings:?}");
    }
    let vast = Values(vec![("x", 1 << 20), ("y", 1 << 20)]);
    assert!(density_mig(&vae, &vast, &DensityMig { values: usize::MAX, ..Default::default() }, random).is_err());
    assert!(codes(&vae, &two(), usize::MAX, random).is_err());
    // Two items, one dimension, posteriors as narrow as float32 has them: numbers, if not telling ones.
    let least = Codes::new(&Tensor::new(&[[1e38f32], [-1e38]], &CPU)?, &[("x", vec![7, usize::MAX])])?;
    assert_eq!((least.mig(BINS)?.mean(), least.sap().mean(), least.modularity(BINS)?), (1.0, 1.0, 1.0));
    let dci = least.dci();
    assert!([dci.disentanglement, dci.completeness, dci.informativeness].iter().all(|part| part.is_finite()));
    let narrow = density_mig(&linear(&PERFECT, 1e-15), &two(), &DensityMig::default(), random)?;
    close(narrow.mean(), 1.0, 0.05);
    Ok(())
}
