//! How long a training step, an epoch, an encoding, a decoding and a draw of a likelihood take, beside PyTorch on the same machine;
//! and how long the steps of other objectives take, beside the ELBO's.
//!
//! ```text
//! make bench                                          ours alone, with the floor
//! make bench TORCH=/path/to/python JSON=bench.json    beside PyTorch, eager and compiled
//! make bench CUDA=1 TORCH=/path/to/python             both on the first GPU; PyTorch in CUDA graphs as well
//! ```
//! A figure is the median of rounds; the rounds of all programs take turns, so that whatever else the machine does meets
//! them alike, and a ratio is the median of the rounds' ratios. The floor is the time that the step's multiplications would
//! take at the speed of one large matrix product, which has its turns as well.
//!
//! A GPU works while the program goes on, so steps are timed there in blocks, from an idle GPU to an idle GPU.

mod conditional;
mod likelihood;
mod models;
mod objectives;
mod torch;

use std::{path::PathBuf, time::Instant};

use clap::{Parser, ValueEnum};
use models::{Model, Subject};
use torch::Torch;
use vae_core::prelude::*;

/// Time training steps, epochs and inference.
#[derive(Parser)]
struct Arguments {
    /// Which models, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "mlp,mlp2,dense512,conv")]
    models: Vec<Model>,
    /// Which objectives beside the ELBO, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "capacity,beta-tc,factor")]
    objectives: Vec<objectives::Name>,
    /// Images per step, instead of 128 (conv: 100); several separated by commas.
    #[arg(long, value_delimiter = ',')]
    batch: Vec<usize>,
    /// Where both programs compute.
    #[arg(long, value_enum, default_value = "cpu")]
    device: Place,
    /// How often each program has its turn.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Dimension of the latent space, instead of the model's own.
    #[arg(long)]
    latent: Option<usize>,
    /// A Python with PyTorch, to compare with.
    #[arg(long)]
    torch: Option<PathBuf>,
    /// Only training steps: no epochs, no inference.
    #[arg(long)]
    steps_only: bool,
    /// Only the likelihood.
    #[arg(long, conflicts_with = "steps_only")]
    likelihood_only: bool,
    /// Where to write the training steps as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Place {
    Cpu,
    /// The first GPU; needs the feature `cuda`.
    Cuda,
}

impl Place {
    fn name(self) -> &'static str {
        if self == Self::Cuda { "cuda" } else { "cpu" }
    }

    fn device(self) -> Result<Device> {
        if self == Self::Cpu {
            return Ok(Device::Cpu);
        }
        match best_device()? {
            device if device.is_cuda() => Ok(device),
            _ => Err(Error::Argument("--device cuda: there is no CUDA device to measure; see the line above".into())),
        }
    }
}

/// Seconds in which one turn should end.
const TURN: f64 = 0.4;

fn main() -> std::process::ExitCode {
    program(std::env::args_os())
}

/// The program with these arguments, its name first; the example `gpu` has it as a part.
pub(crate) fn program(words: impl Iterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    match run(&Arguments::parse_from(words)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Calls that are timed together on a GPU.
const BLOCK: usize = 20;

/// Milliseconds of `f`, the median over as many calls, or blocks of calls, as fit one turn.
fn turn(device: &Device, mut f: impl FnMut() -> Result<()>) -> Result<f64> {
    let calls = if device.is_cpu() { 1 } else { BLOCK };
    let start = Instant::now();
    let mut times = vec![];
    while times.len() < 3 || start.elapsed().as_secs_f64() < TURN {
        device.synchronize()?;
        let start = Instant::now();
        for _ in 0..calls {
            f()?;
        }
        device.synchronize()?;
        times.push(start.elapsed().as_secs_f64() * 1e3 / calls as f64);
    }
    Ok(median(&mut times))
}

/// What a contestant needed; `None` for one that cannot compete.
struct Timed {
    /// The median of its times.
    time: Option<f64>,
    /// The median of the first contestant's time by its own in the same round: a machine that is slow for some seconds is so
    /// for both.
    ratio: Option<f64>,
}

/// Rounds in which every contestant has one turn.
fn rounds(count: usize, contestants: &mut [&mut dyn FnMut() -> Result<Option<f64>>]) -> Result<Vec<Timed>> {
    let mut times = vec![vec![]; contestants.len()];
    // The first turn of each warms up: memory, threads, compiled graphs.
    for round in 0..=count {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            if let Some(time) = contestant()?.filter(|_| round > 0) {
                times.push(time);
            }
        }
    }
    let first = times[0].clone();
    let timed = |times: &mut Vec<f64>| {
        let mut ratios: Vec<f64> = first.iter().zip(&*times).map(|(first, time)| first / time).collect();
        let there = !times.is_empty();
        Timed { time: there.then(|| median(times)), ratio: there.then(|| median(&mut ratios)) }
    };
    Ok(times.iter_mut().map(timed).collect())
}

/// The sides of the matrices whose product says how fast the machine multiplies.
const SIDE: usize = 1024;

fn show(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.3}"))
}

fn show_ratio(timed: Option<&Timed>) -> String {
    timed.and_then(|timed| timed.ratio).map_or("–".into(), |ratio| format!("{ratio:.2}"))
}

fn run(arguments: &Arguments) -> Result<()> {
    let device = arguments.device.device()?;
    let start = Instant::now();
    let images = data::digits(&device)?.train;
    println!("drawn in {:.1} s", start.elapsed().as_secs_f64());
    let place = arguments.device.name();
    let torch = arguments.torch.as_deref().map(|python| Torch::start(python, &images, place)).transpose()?;
    if arguments.likelihood_only {
        return likelihood::likelihood(arguments.rounds, torch.as_ref(), &images);
    }
    println!("training step on {}, milliseconds: forward, backward, Adam", vae_core::device::describe(&device));
    println!("medians of {} rounds; graph: PyTorch's step as a CUDA graph", arguments.rounds);
    println!("model      batch    ours   eager  compiled   graph   floor | ours/eager  ours/compiled  floor/ours");
    let mut rows = vec![];
    let matrix = Random::new(1).normal((SIDE, SIDE), &device)?;
    for &model in &arguments.models {
        let own = [model.batch()];
        for &batch in if arguments.batch.is_empty() { &own[..] } else { &arguments.batch } {
            let mut subject = Subject::new(model, batch, arguments.latent, &images)?;
            let theirs = |mode: &'static str| {
                let torch = torch.as_ref();
                move || torch.map_or(Ok(None), |torch| torch.step(model, batch, arguments.latent, mode, TURN))
            };
            // So many large products have as many operations as the step.
            let products = subject.step_operations() / (2.0 * (SIDE as f64).powi(3));
            let mut contestants: Vec<&mut dyn FnMut() -> Result<Option<f64>>> = vec![];
            let mut ours = || turn(&device, || subject.step()).map(Some);
            let mut product = || turn(&device, || matrix.matmul(&matrix).map(drop).map_err(Error::from)).map(Some);
            let (mut eager, mut compiled, mut graph) = (theirs("eager"), theirs("compiled"), theirs("graph"));
            contestants.extend([&mut ours as &mut dyn FnMut() -> _, &mut product, &mut eager, &mut compiled]);
            if device.is_cuda() {
                contestants.push(&mut graph);
            }
            let times = rounds(arguments.rounds, &mut contestants)?;
            let time = |i: usize| times.get(i).and_then(|timed| timed.time);
            let (ours, floor) = (time(0).unwrap_or(f64::NAN), time(1).unwrap_or(f64::NAN) * products);
            let (eager, compiled, graph) = (time(2), time(3), time(4));
            println!(
                "{:<10} {batch:>5} {ours:>7.3} {:>7} {:>9} {:>7} {floor:>7.3} | {:>10} {:>14} {:>11}",
                model.name(),
                show(eager),
                show(compiled),
                show(graph),
                show_ratio(times.get(2)),
                show_ratio(times.get(3)),
                times[1].ratio.map_or("–".into(), |ratio| format!("{:.2}", products / ratio))
            );
            rows.push(serde_json::json!({
                "model": model.name(), "batch": batch, "ours_ms": ours, "torch_eager_ms": eager,
                "torch_compile_ms": compiled, "torch_graph_ms": graph, "floor_ms": floor, "device": place,
            }));
        }
    }
    conditional::conditional(arguments.rounds, &images)?;
    rows.extend(objectives::measure(&arguments.objectives, arguments.rounds, &device, place)?);
    if !arguments.steps_only {
        inference(arguments, torch.as_ref(), &images)?;
        likelihood::likelihood(arguments.rounds.div_ceil(3), torch.as_ref(), &images)?;
        epochs(arguments, torch.as_ref(), &images)?;
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&rows).unwrap_or_default();
        std::fs::write(path, text).map_err(|source| Error::Io { path: path.clone(), source })?;
    }
    Ok(())
}

fn inference(arguments: &Arguments, torch: Option<&Torch>, images: &Images) -> Result<()> {
    const BATCH: usize = 500;
    println!("\ninference, images per second, {BATCH} at a time\nmodel      what        ours     eager | ours/eager");
    for &model in &arguments.models {
        let subject = Subject::new(model, BATCH, arguments.latent, images)?;
        for what in ["encode", "decode"] {
            let mut ours = || turn(images.device(), || subject.infer(what)).map(Some);
            let mut theirs = || torch.map_or(Ok(None), |torch| torch.infer(model, BATCH, arguments.latent, what, TURN));
            let times = rounds(arguments.rounds.div_ceil(3), &mut [&mut ours, &mut theirs])?;
            let rate = |i: usize| times[i].time.map_or("–".into(), |ms| format!("{:.0}", BATCH as f64 / ms * 1e3));
            // A ratio of images a second is the inverse of a ratio of times.
            let ratio = show(times[1].ratio.map(|ratio| 1.0 / ratio));
            println!("{:<10} {what:<7} {:>8} {:>9} | {ratio:>10}", model.name(), rate(0), rate(1));
        }
    }
    Ok(())
}

fn epochs(arguments: &Arguments, torch: Option<&Torch>, images: &Images) -> Result<()> {
    println!(
        "\none epoch over {} images with data loading, seconds\nmodel      batch   ours   eager  ours images/s | ours/eager",
        images.len()
    );
    for &model in &arguments.models {
        let own = [model.batch()];
        for &batch in if arguments.batch.is_empty() { &own[..] } else { &arguments.batch } {
            // Both begin with a new model each time.
            let mut ours = || Subject::new(model, batch, arguments.latent, images)?.epoch(images).map(Some);
            let mut theirs = || torch.map_or(Ok(None), |torch| torch.epoch(model, batch, arguments.latent));
            let times = rounds(model.epochs(), &mut [&mut ours, &mut theirs])?;
            let ours = times[0].time.unwrap_or(f64::NAN);
            let (rate, theirs) = (images.len() as f64 / ours, show(times[1].time));
            let (name, ratio) = (model.name(), show_ratio(times.get(1)));
            println!("{name:<10} {batch:>5} {ours:>6.2} {theirs:>7} {rate:>14.0} | {ratio:>10}");
        }
    }
    Ok(())
}
