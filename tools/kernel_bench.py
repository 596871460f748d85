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

# A training step's worth of work on numbers like a digit's: matrix products, an activation, a backward pass.
STEP = """
fn milliseconds_per_step(steps: usize) -> Result<f64, vae_core::candle::Error> {
    use vae_core::candle::{Device, Tensor, Var};
    let pixels: Vec<f32> = (0..128 * 784).map(|i| ((i * 7919) % 256) as f32 / 255.0).collect();
    let x = Tensor::from_vec(pixels, (128, 784), &Device::Cpu)?;
    let first = Var::from_tensor(&Tensor::full(0.01f32, (784, 400), &Device::Cpu)?)?;
    let second = Var::from_tensor(&Tensor::full(0.02f32, (400, 784), &Device::Cpu)?)?;
    let mut times = vec![];
    for _ in 0..steps {
        let start = std::time::Instant::now();
        let logits = x.matmul(&first)?.relu()?.matmul(&second)?;
        let loss = (logits.exp()? + 1.0)?.log()?.sub(&(&logits * &x)?)?.mean_all()?;
        let gradients = loss.backward()?;
        for var in [&first, &second] {
            let gradient = gradients.get(var).ok_or_else(|| vae_core::candle::Error::Msg("no gradient".into()))?;
            var.set(&(var.as_tensor() - (gradient * 1e-3)?)?)?;
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[steps / 2])
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
SPEED = 'println!("{:.2} {:.2}", milliseconds_per_step(60)?, (0..5).map(|_| milliseconds_per_loop()).fold(f64::MAX, f64::min));'


def report(what: str, seconds: list[float]) -> None:
    p90 = statistics.quantiles(seconds, n=10)[-1]
    print(f"{what:<58} median {statistics.median(seconds):5.2f} s   p90 {p90:5.2f} s", flush=True)


def release_speed() -> str:
    """The same two loops as a release build prints them."""
    with tempfile.TemporaryDirectory() as folder:
        crate = Path(folder, "bench")
        (crate / "src").mkdir(parents=True)
        manifest = '[package]\nname = "bench"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n[dependencies]\n'
        manifest += f'vae_core = {{ path = "{REPOSITORY / "vae_core"}" }}\n'
        (crate / "Cargo.toml").write_text(manifest)
        shutil.copy(REPOSITORY / "Cargo.lock", crate / "Cargo.lock")
        main = f"fn main() -> Result<(), vae_core::candle::Error> {{ {SPEED} Ok(()) }}\n"
        (crate / "src" / "main.rs").write_text(STEP + LOOP + main)
        command = ["cargo", "run", "--quiet", "--release", "--target-dir", str(REPOSITORY / "target")]
        return subprocess.run(command, cwd=crate, text=True, stdout=subprocess.PIPE, check=True).stdout


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
        step, loop = checked(run(SPEED)).stdout.split()
    release_step, release_loop = release_speed().split()
    print(f"{'forward, backward and update, 784-400-784, batch 128':<58} {step} ms in a cell, {release_step} ms in a release build")
    print(f"{'a loop of integer and float arithmetic':<58} {loop} ms in a cell, {release_loop} ms in a release build")


if __name__ == "__main__":
    main()
