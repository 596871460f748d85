"""Measure the kernel as a reader meets it: how soon it starts, how fast a cell answers, how fast a cell computes.

Every figure comes from a newly started kernel on the warm build, run through nbclient like a notebook. The compute loop
is also built as a program with `cargo run --release`, so that "release speed" is a figure, not a promise.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from kernel_session import Answer, kernel

REPOSITORY = Path(__file__).resolve().parent.parent
DEP = ':dep vae_core = { path = "../vae_core" }'
FIRST = "use vae_core::candle::{DType, Device, Tensor, Var};\nlet device = Device::Cpu;"
CELLS = 20

# The library's training step as the benchmark of `make bench` times it: forward, backward and Adam.
STEP = """
fn milliseconds_per_step(convolutional: bool) -> Result<f64, vae_core::Error> {
    use vae_core::{nn, prelude::*};
    let (device, batch) = (Device::Cpu, if convolutional { 100 } else { 128 });
    let vae: Box<dyn Vae> = match convolutional {
        true => Box::new(ConvVae::new(ConvVaeConfig::default(), &device, 1)?),
        false => Box::new(MlpVae::new(MlpVaeConfig { hidden: vec![400], latent: 20, ..Default::default() }, &device, 1)?),
    };
    let images = data::digits(&device)?.train.batch(&(0..batch).collect::<Vec<usize>>())?;
    let mut adam = Adam::new(vae.params(), AdamConfig::default())?;
    let mut noise = Random::new(2);
    let start = std::time::Instant::now();
    let mut times: Vec<f64> = vec![];
    while times.len() < 5 || start.elapsed().as_secs_f64() < 1.5 {
        let start = std::time::Instant::now();
        let terms = Elbo::default().terms(vae.as_ref(), &images, 0.0, &mut noise)?;
        adam.step(nn::backward(&terms.loss)?, 1.0)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
"""
# The loops of a cell itself, not of a compiled library: here overflow checks and the optimisation level show.
LOOP = """
fn milliseconds_per_loop() -> f64 {
    let start = std::time::Instant::now();
    let mut state: u64 = 42;
    let mut total = 0.0f64;
    for _ in 0..20_000_000 {
        state = (state >> 12) ^ state.rotate_left(25) ^ (state & 0xffff_ffff) * 2_685_821;
        total += (state % 1000) as f64;
    }
    std::hint::black_box(total);
    start.elapsed().as_secs_f64() * 1e3
}
"""
SPEED = """println!("{:.2} {:.2} {:.2}", milliseconds_per_step(false)?, milliseconds_per_step(true)?,
    (0..5).map(|_| milliseconds_per_loop()).fold(f64::MAX, f64::min));"""
WHAT = [
    "step of 784-400-20, batch 128",
    "step of the convolutional network, batch 100",
    "a loop of integer and float arithmetic",
]
ROUNDS = 7


def report(what: str, seconds: list[float]) -> None:
    p90 = statistics.quantiles(seconds, n=10)[-1]
    print(f"{what:<58} median {statistics.median(seconds):5.2f} s   p90 {p90:5.2f} s", flush=True)


def release_build(folder: str) -> Path:
    """A release build of a program with the steps and the loop that the kernel runs in cells."""
    crate = Path(folder, "bench")
    (crate / "src").mkdir(parents=True)
    manifest = '[package]\nname = "bench"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n[dependencies]\n'
    manifest += f'vae_core = {{ path = "{REPOSITORY / "vae_core"}" }}\n'
    (crate / "Cargo.toml").write_text(manifest)
    shutil.copy(REPOSITORY / "Cargo.lock", crate / "Cargo.lock")
    main = f"fn main() -> Result<(), vae_core::Error> {{ {SPEED} Ok(()) }}\n"
    (crate / "src" / "main.rs").write_text(STEP + LOOP + main)
    target = REPOSITORY / "target"
    subprocess.run(["cargo", "build", "--quiet", "--release", "--target-dir", str(target)], cwd=crate, check=True)
    return target / "release" / "bench"


def checked(answer: Answer) -> Answer:
    """A cell that fails ends the measurement."""
    if answer.failure:
        raise SystemExit(f"a cell of the measurement failed:\n{answer.failure}")
    return answer


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    started = time.perf_counter()
    with kernel(REPOSITORY / "tools") as run:
        print(f"{'start of a new kernel':<58} {time.perf_counter() - started:6.1f} s", flush=True)
        dep = checked(run(DEP)).seconds
        print(f"{'its :dep cell':<58} {dep:6.1f} s", flush=True)
        first = checked(run(FIRST)).seconds
        print(f"{'its first `use` and `let`':<58} {first:6.1f} s   together {dep + first:.1f} s (promised: 15 s)", flush=True)
        report(
            "a cell without a new variable, of 20",
            [checked(run(f'println!("{{:?}}", Tensor::full({i}f32, (2, 2), &device)?);')).seconds for i in range(CELLS)],
        )
        report(
            "a cell whose variable has its type inferred, of 20",
            [checked(run(f"let tensor_{i} = Tensor::full({i}f32, (2, 2), &device)?.sqr()?;")).seconds for i in range(CELLS)],
        )
        checked(run(STEP + LOOP))
        # In turns: the machine is not equally fast all the time.
        with tempfile.TemporaryDirectory() as folder:
            program = release_build(folder)
            turns = []
            for _ in range(ROUNDS):
                own = subprocess.run([program], text=True, stdout=subprocess.PIPE, check=True).stdout
                turns.append([[float(x) for x in text.split()[-3:]] for text in (checked(run(SPEED)).stdout, own)])
    for i, what in enumerate(WHAT):
        cell, release = (statistics.median(turn[side][i] for turn in turns) for side in (0, 1))
        ratio = statistics.median(turn[0][i] / turn[1][i] for turn in turns)
        print(f"{what:<58} {cell:.2f} ms in a cell, {release:.2f} ms in a release build, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
