"""Start the Rust kernel on a private copy of the warm build. The kernelspec runs this file instead of `evcxr_jupyter`.

A cold kernel compiles candle for about four minutes before its first cell answers. `make setup` pays for that once, in
`target/kernel/warm`; every kernel then starts on a copy, since two kernels cannot share one build directory.

The copy is cheap because what comes from a registry never changes once it is compiled: those libraries are hard links.
What cargo, rustc or a linker may rewrite (fingerprints, `vae_core` itself, the cells) are real copies, so that a
running kernel can neither damage the warm build nor another kernel.

After the copy this process *becomes* the kernel (exec), so that signals need no forwarding. A forked janitor waits
for the lock that the kernel and all its children hold, then removes the copy; a copy whose janitor was killed too is
swept by the next start. Only the standard library is used here: every kernel start pays for the imports.
"""

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CUDA = os.environ.get("VAE_CORE_CUDA") == "1"
"""Whether this is a session with `make … CUDA=1`. It has a warm build of its own, and may run beside one without."""
KERNEL_DIR = REPOSITORY / "target" / ("kernel-cuda" if CUDA else "kernel")
WARM = KERNEL_DIR / "warm"
RUNNING = KERNEL_DIR / "running"
LOG = KERNEL_DIR / "last-kernel.log"
STD_OUTLINE = REPOSITORY / "tools" / "std_outline"
BUILD_VARIABLE = "VAE_CORE_KERNEL_BUILD"
"""Names the environment variable by which `warm_kernel.py` starts a kernel right in the build that it is making."""

# evcxr writes a Cargo.toml of its own into `cell/`, without any dependency until the first `:dep`, and cargo drops
# from a lock file what nothing asks for. The second member, `pin`, keeps asking for `vae_core`, so the versions in the
# lock file stay the ones that the warm build was made with, whatever was published since. And because the profile of
# a workspace lies in its root, this is where cells get release speed: evcxr's own profile would have overflow checks
# and opt-level 2.
WORKSPACE_TOML = """\
[workspace]
resolver = "3"
members = ["cell", "pin"]

[profile.dev]
opt-level = 3
debug = false
strip = "debuginfo"
rpath = true
debug-assertions = false
overflow-checks = false
codegen-units = 16
incremental = true
"""

PIN_TOML = """\
[package]
name = "pin"
version = "0.0.0"
edition = "2024"

[lib]
path = "lib.rs"

[dependencies]
vae_core = {{ path = {path} }}
"""

# A crate that asks for `vae_core` with its feature `cuda`, and evcxr's configuration that makes every cell depend on it: cargo
# builds a crate with all features that anybody asks for, so a notebook's own `:dep vae_core = …` line gets it as well. The
# crate has one place for all kernels, or each would compile it anew.
SWITCH_TOML = """\
[package]
name = "vae_core_cuda"
version = "0.0.0"
edition = "2024"

[lib]
path = "lib.rs"

[dependencies]
vae_core = {{ path = {path}, features = ["cuda"] }}

[workspace]
"""
CONFIG_TOML = """\
[dependencies]
vae_core_cuda = {{ path = {path} }}
"""


def quoted(path: Path) -> str:
    """A path as a TOML string."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_if_other(path: Path, text: str) -> None:
    """Write a file unless it holds that text already: cargo compares times."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def write_workspace(directory: Path) -> None:
    """Write the cargo workspace that a kernel compiles in: `cell/` is evcxr's, the rest keeps versions and profile."""
    (directory / "cell").mkdir(parents=True, exist_ok=True)
    (directory / "pin").mkdir(exist_ok=True)
    (directory / "Cargo.toml").write_text(WORKSPACE_TOML)
    path = quoted(REPOSITORY / "vae_core")
    (directory / "pin" / "Cargo.toml").write_text(PIN_TOML.format(path=path))
    if CUDA:
        switch = KERNEL_DIR / "switch"
        write_if_other(switch / "Cargo.toml", SWITCH_TOML.format(path=path))
        write_if_other(switch / "lib.rs", "")
        (directory / "evcxr.toml").write_text(CONFIG_TOML.format(path=quoted(switch)))
    (directory / "pin" / "lib.rs").touch()
    shutil.copyfile(REPOSITORY / "Cargo.lock", directory / "Cargo.lock")


def is_immutable(path: str) -> bool:
    """Whether `path` is a compiled registry crate, which nothing rewrites: its file name carries a hash of its version,
    features, profile and compiler."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "deps" or not name.endswith((".rlib", ".rmeta", ".so", ".dylib")):
        return False
    return not name.startswith(("libvae_core", "libctx", "libcode_", "libpin"))


def copy_build(source: Path, target: Path, ignore=None) -> None:
    """Copy a kernel's build directory, sharing what never changes. Time stamps stay: cargo compares them."""

    def copy(src: str, dst: str) -> None:
        if is_immutable(src):
            with contextlib.suppress(OSError):  # no hard links on this file system: copy
                os.link(src, dst)
                return
        shutil.copy2(src, dst)

    shutil.copytree(source, target, copy_function=copy, symlinks=True, ignore=ignore)


@contextlib.contextmanager
def kernel_dir_lock():
    """Hold the one lock of `target/kernel`: copying, sweeping and swapping the warm build never overlap."""
    KERNEL_DIR.mkdir(parents=True, exist_ok=True)
    with open(KERNEL_DIR / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def hold(directory: Path) -> int:
    """Mark `directory` as in use until every process that inherits the returned descriptor has ended."""
    descriptor = os.open(directory / "in-use", os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.set_inheritable(descriptor, True)
    return descriptor


def sweep() -> None:
    """Remove the copies of kernels that were killed together with their janitor."""
    for directory in RUNNING.iterdir():
        with contextlib.suppress(OSError), open(directory / "in-use", "a") as marker:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError, an OSError, while it is in use
            shutil.rmtree(directory, ignore_errors=True)


def private_build() -> tuple[Path, int]:
    """Make a build directory for one kernel, from the warm build where there is one. Returns it and its descriptor."""
    with kernel_dir_lock():
        RUNNING.mkdir(exist_ok=True)
        sweep()
        directory = Path(tempfile.mkdtemp(dir=RUNNING))
        descriptor = hold(directory)
        build = directory / "build"
        if WARM.exists():
            # What helps to recompile `vae_core` is for the next refresh of the warm build, not for a kernel.
            copy_build(WARM, build, ignore=shutil.ignore_patterns("incremental"))
        else:
            write_workspace(build)
    return directory, descriptor


def start_janitor(directory: Path, descriptor: int) -> None:
    """Fork a process that outlives the kernel, even a killed one, and then removes its build directory."""
    if os.fork():
        return
    os.setsid()  # a signal to the kernel's process group must not end the janitor
    os.close(descriptor)  # inherited from the launcher: it would hold the very lock that is waited for
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    with open(directory / "in-use") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)


def kernel_environment(build: Path) -> dict[str, str]:
    """The kernel's environment: its build directory, and the toolchain that the warm build was made with."""
    environment = dict(os.environ, EVCXR_TMPDIR=str(build / "cell"))
    # At its start the kernel "updates" an evcxr kernelspec that it finds in the user's own Jupyter folder. Point it
    # at ours instead, which is current.
    environment["JUPYTER_PATH"] = os.path.join(sys.prefix, "share", "jupyter")
    # Nor does a `~/.config/evcxr` written for another kernel change what these notebooks do.
    environment.setdefault("EVCXR_CONFIG_DIR", str(build))
    # evcxr asks for backtraces of panics; one under every error that a cell returns through `?` only buries its message.
    environment.setdefault("RUST_LIB_BACKTRACE", "0")
    # A notebook outside the repository is outside rust-toolchain.toml as well; another compiler means a cold build.
    sysroot = KERNEL_DIR / "sysroot"
    if sysroot.exists():
        path = sysroot.read_text().strip()
        environment["RUSTUP_TOOLCHAIN"] = path
        environment["PATH"] = os.path.join(path, "bin") + os.pathsep + environment.get("PATH", os.defpath)
        # rust-analyzer finds the type of a `let` with the sources of the standard library at hand. They are a component
        # that a plain installation of Rust lacks; then our outline of them has to do (and nothing is downloaded).
        if not os.path.exists(os.path.join(path, "lib", "rustlib", "src", "rust", "library")):
            environment.setdefault("RUST_SRC_PATH", str(STD_OUTLINE))
    return environment


def main() -> None:
    kernel = os.path.join(sys.prefix, "bin", "evcxr_jupyter")
    if BUILD_VARIABLE in os.environ:
        build = Path(os.environ[BUILD_VARIABLE])
    else:
        directory, descriptor = private_build()
        start_janitor(directory, descriptor)
        build = directory / "build"
    # What the kernel tells the terminal (a greeting, cargo's progress, its own panics) is for whoever looks into a
    # failure. What cells print takes another way, to the notebook.
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execve(kernel, [kernel, *sys.argv[1:]], kernel_environment(build))


if __name__ == "__main__":
    main()
