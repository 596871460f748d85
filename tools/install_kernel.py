"""Install the Rust kernel into this virtual environment: its program, then its kernelspec.

Never `evcxr_jupyter --install` on its own: that writes over the kernel of the user. Compiling the program takes minutes, so it is
kept in the user's cache folder, for the next clone with the same compiler. While it compiles, so does `vae_core` for notebooks,
where memory allows: each of the two has stretches in which it keeps one core busy and no more.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import warm_kernel
from kernel_launcher import CUDA, REPOSITORY
from progress import Command, run

LAUNCHER = Path(__file__).resolve().parent / "kernel_launcher.py"
PROGRAM = Path(sys.prefix, "bin", "evcxr_jupyter")
KERNELSPEC = Path(sys.prefix, "share", "jupyter", "kernels", "rust", "kernel.json")


def cached_program(version: str) -> Path:
    """Where the program compiled from `version` by this compiler is kept."""
    rustc = subprocess.run(["rustc", "-vV"], text=True, capture_output=True, check=True).stdout
    facts = dict(line.split(": ") for line in rustc.splitlines() if ": " in line)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = f"evcxr_jupyter-{version}-rustc-{facts['release']}-{facts['host']}"
    return cache / "vae-rs" / name / "evcxr_jupyter"


def both_at_once() -> bool:
    """Whether `vae_core` can compile beside the kernel: it is here (an image of a container may have the kernel alone), and there is
    memory for four large compilations."""
    with contextlib.suppress(OSError, ValueError):
        return not CUDA and (REPOSITORY / "Cargo.lock").exists() and available_memory() > 8 << 30
    return False


def available_memory() -> int:
    """Bytes that programs may have before the machine swaps; ValueError or OSError where it does not say."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines.get("MemAvailable", "").removesuffix("kB")) * 1024


def say(message: str) -> None:
    print(f"       {message}", file=sys.stderr, flush=True)


def install_program(version: str) -> None:
    """Put `evcxr_jupyter` into the environment's `bin`, compiling it only where no earlier clone has done so."""
    cached = cached_program(version)
    if not cached.exists():
        # --force: a program may be there already that an earlier compiler made.
        command = ["cargo", "install", "--locked", "--force", "--root", sys.prefix, f"evcxr_jupyter@{version}"]
        # Away from the repository, so that no Cargo configuration and no workspace of ours takes part.
        compilation = Command("the kernel", command, Path(sys.prefix, "evcxr_jupyter.log"), Path(sys.prefix))
        if both_at_once():
            say("it is compiled, and vae_core beside it: about ten minutes on two cores")
            with warm_kernel.refresh() as build:
                run([compilation, warm_kernel.compilation(build)])
        else:
            say("it is compiled: about eight minutes on two cores")
            run([compilation])
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial = cached.with_name(f"partial-{os.getpid()}")
        shutil.copy2(PROGRAM, partial)
        partial.rename(cached)
    # A running kernel keeps the file it was started from; writing into that one would be refused.
    new = Path(f"{PROGRAM}-{os.getpid()}")
    shutil.copy2(cached, new)
    new.replace(PROGRAM)


def install_kernelspec() -> None:
    """Let evcxr write its kernelspec (logos and all) into the environment, then have it start through the launcher."""
    environment = dict(os.environ, JUPYTER_PATH=str(Path(sys.prefix, "share", "jupyter")))
    subprocess.run([PROGRAM, "--install"], env=environment, stdout=subprocess.DEVNULL, check=True)
    spec = json.loads(KERNELSPEC.read_text())
    # -I: the user's PYTHON* variables and the notebook's folder have no say in what the launcher imports.
    spec["argv"] = [sys.executable, "-I", str(LAUNCHER), *spec["argv"][1:]]
    KERNELSPEC.write_text(json.dumps(spec, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", help="version of evcxr_jupyter, for example 0.22.0")
    install_program(parser.parse_args().version)
    install_kernelspec()


if __name__ == "__main__":
    main()
