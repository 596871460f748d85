//! The whole way of a CUDA tensor, but for the launch itself: the checks of `tests/cuda`, with the emulator on.

#[path = "../../../tests/cuda/checks.rs"]
mod checks;

use candle_core::Device;

use super::emulator;

/// Each check that a CUDA device has to pass, passed by the text of the kernels on the CPU; skipped without a C++ compiler.
#[test]
fn the_emulator_agrees_with_the_cpu() {
    if !emulator::works() {
        return;
    }
    for (name, check) in checks::ALL {
        check(&checks::Second { device: Device::Cpu, around: &|f| emulator::emulate(f) });
        println!("{name}: as on the CPU");
    }
}
