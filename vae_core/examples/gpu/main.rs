//! One program for a machine with a GPU and without Rust: `make gpu-bundle` puts it into a folder with a script.
//!
//! ```text
//! gpu check                                   does the GPU compute what the CPU does?
//! gpu train --model mlp --out runs/mlp        the example `train`
//! gpu bench --device cuda --torch python3     the example `bench`
//! ```

#[allow(dead_code)] // its `main`
#[path = "../bench/main.rs"]
mod bench;
#[allow(dead_code)] // its `main`
#[path = "../train.rs"]
mod train;

use std::process::ExitCode;

use vae_core::{
    cuda_checks::{ALL, Place},
    prelude::*,
};

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let words = std::env::args_os().skip(1);
    match command.as_str() {
        "train" => train::program(words),
        "bench" => bench::program(words),
        "check" => check(),
        other => {
            eprintln!("error: {other:?} is no command: expected check, train or bench");
            ExitCode::FAILURE
        }
    }
}

/// Runs all checks on the GPU; a failed one panics and says where.
fn check() -> ExitCode {
    let device = match best_device() {
        Ok(device) if device.is_cuda() => device,
        Ok(_) => {
            eprintln!("error: nothing to check without a CUDA device");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut failed = 0;
    for (name, check) in ALL {
        let place = Place { device: device.clone(), around: &|f| f() };
        let right = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&place))).is_ok();
        println!("{name}: {}", if right { "as on the CPU" } else { "DIFFERENT" });
        failed += usize::from(!right);
    }
    println!("{} of {} checks passed", ALL.len() - failed, ALL.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
