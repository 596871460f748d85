"""Compile `vae_core` for notebooks, once, so that every kernel can start on a copy (see `kernel_launcher.py`).

Cargo compiles what a notebook's first cell asks for, with the flags that the kernel gives it, so that its progress can be shown
and the kernel's program need not be there yet. Then a real kernel runs the first cells of a notebook: should evcxr ask cargo for
anything else (flags, target, linker), that is compiled as well, and later kernels find everything fresh. A refresh works on a copy
and swaps at the end: kernels that start meanwhile get the old build, and an interrupted refresh leaves it as it was.
"""

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from kernel_launcher import (
    BUILD_VARIABLE, CUDA, KERNEL_DIR, REPOSITORY, WARM, copy_build, kernel_dir_lock, kernel_environment, write_if_other,
    write_workspace,
)
from kernel_session import kernel
from progress import Command
from progress import run as run_commands

NEW = KERNEL_DIR / "warm-new"

# The crate of the cells as evcxr writes it, before there is a cell; cargo wants every member of a workspace to be there.
NO_CELL = """
[package]
name = "ctx"
version = "1.0.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]
path = "src/lib.rs"
"""

# The `let` makes rust-analyzer and the linker do all that they do in a notebook; a failure here is a failure of set-up.
CELLS = [
    f':dep vae_core = {{ path = "{REPOSITORY / "vae_core"}" }}',
    "use vae_core::candle::{DType, Device, Tensor};\nlet warm = Tensor::zeros(1, DType::F32, &Device::Cpu)?;",
    'println!("warm {warm}");',
]
UNTYPED_CELL = "let closures_cannot_be_kept = || 1;"


def write_sysroot() -> None:
    """Note the toolchain that the repository asks for; kernels use it wherever their notebook lies."""
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], cwd=REPOSITORY, text=True, capture_output=True, check=True)
    (KERNEL_DIR / "sysroot").write_text(sysroot.stdout.strip() + "\n")


def toolchain() -> str:
    """What a build depends on besides its sources: compiler, and the linker that evcxr will pick."""
    rustc = subprocess.run(["rustc", "-vV"], cwd=REPOSITORY, text=True, capture_output=True, check=True).stdout
    return f"{rustc}linker: {shutil.which('mold') or shutil.which('lld') or 'system'}\n"


def compilation(build: Path) -> Command:
    """Cargo's command that compiles `vae_core` and all below it into `build`, for the target and with the flags of evcxr."""
    facts = toolchain()
    linker = re.search(r"linker: (?:.*/)?(\S+)$", facts)[1] if sys.platform == "linux" else "system"
    flags = "-Cprefer-dynamic" + (" -Clink-arg=-fuse-ld=lld" if linker == "lld" else "")
    if not (build / "cell" / "Cargo.toml").exists():
        write_if_other(build / "cell" / "Cargo.toml", NO_CELL)
        write_if_other(build / "cell" / "src" / "lib.rs", "")
    host = re.search(r"^host: (\S+)$", facts, re.MULTILINE)[1]
    command = [*(["mold", "-run"] if linker == "mold" else []), "cargo", "build", "--package", "pin", "--target", host]
    target = str(build / "cell" / "target")
    environment = kernel_environment(build) | {"CARGO_TARGET_DIR": target, "CARGO_BUILD_BUILD_DIR": target, "RUSTFLAGS": flags}
    return Command("vae_core", command, KERNEL_DIR / "compilation.log", build, environment)


def run_cells(build: Path) -> None:
    """Run the first cells of a notebook in a kernel that compiles right in `build`."""
    os.environ[BUILD_VARIABLE] = str(build)
    # With CUDA, the kernel compiles before it is ready.
    with kernel(REPOSITORY, timeout=None, startup_timeout=7200) as run:
        for source in CELLS:
            if failure := run(source).failure:
                raise SystemExit(f"in the kernel, this cell failed:\n{source}\n{failure}(`cargo check` may say more)")
        # A cell whose types stay unknown makes evcxr run `cargo check`, which has artefacts of its own: half a minute
        # the first time, and better here than when a learner makes the first mistake.
        run(UNTYPED_CELL)


def prune(build: Path) -> None:
    """Drop what only the cells above needed: a copy should cost a new kernel as little as possible."""
    for cell_library in build.glob("cell/target/**/*code_[0-9]*.so"):
        cell_library.unlink()


def made_with(build: Path) -> str | None:
    """The toolchain that `build` was made with, if there is such a build."""
    note = build / "toolchain"
    return note.read_text() if note.exists() else None


def start_refresh(present: str) -> None:
    """Have in NEW what to continue from: an interrupted refresh, else the present warm build, else nothing."""
    if made_with(NEW) == present:
        return
    shutil.rmtree(NEW, ignore_errors=True)
    if made_with(WARM) == present:
        with kernel_dir_lock():
            copy_build(WARM, NEW)
    NEW.mkdir(exist_ok=True)
    (NEW / "toolchain").write_text(present)


@contextlib.contextmanager
def refresh():
    """Hold the lock of refreshes, with NEW as the build to work on."""
    KERNEL_DIR.mkdir(parents=True, exist_ok=True)
    with open(KERNEL_DIR / "refresh-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_sysroot()
        start_refresh(toolchain())
        write_workspace(NEW)
        yield NEW


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stamp", type=Path, required=True, help="file to touch, dated to the start of the build")
    stamp = parser.parse_args().stamp

    started = time.time()
    with refresh():
        if not CUDA:  # with CUDA the kernel asks for another set of features, and compiles by itself
            run_commands([compilation(NEW)])
        print("       and now a kernel runs the first cells of a notebook: half a minute, a minute the first time", file=sys.stderr)
        run_cells(NEW)
        prune(NEW)
        old = KERNEL_DIR / "warm-old"
        with kernel_dir_lock():
            if WARM.exists():
                WARM.rename(old)
            NEW.rename(WARM)
        shutil.rmtree(old, ignore_errors=True)
    stamp.touch()
    os.utime(stamp, (started, started))
    print(f"       vae_core is compiled for notebooks, in {time.time() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
