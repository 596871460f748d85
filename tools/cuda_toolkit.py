"""A CUDA toolkit from pinned PyPI wheels, and the environment that builds and runs vae_core with it. No GPU is needed.

Usage: cuda_toolkit.py COMMAND… runs a command in that environment; without a command it prints the variables.

Where CUDA_HOME names a toolkit, that one is taken. Otherwise the wheels are unpacked, once, under the user's cache folder
(1.2 GB), outside any checkout, with what they lack added: names without a version for the linker, and a libcuda. The
real libcuda comes with the driver. On a machine without one, programs would not even load, so there a stand-in takes its
place that answers every call with CUDA_ERROR_STUB_LIBRARY; `best_device()` then says that the driver is missing.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# CUDA 13.0 runs with every driver from 580 on: a later toolkit's PTX would need a later driver.
WHEELS = [
    # 13.0's lacks functions that cudarc binds, and a shared library, as notebooks need one, binds them all.
    "nvidia-cublas==13.1.0.3",
    "nvidia-cuda-cccl==13.0.85",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-cuda-nvrtc==13.0.88",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-curand==10.4.0.35",
    "nvidia-nvvm==13.0.88",
]
ADDED = "names without a version, stand-in 1"
"""What is added to the wheels; to be changed with it."""
KIT = f"cuda-13.0-{hashlib.sha256(' '.join([*WHEELS, ADDED]).encode()).hexdigest()[:8]}"
"""The folder of these wheels and what is added to them."""
COMPUTE_CAPABILITY = "90"
"""What kernels are compiled for on a machine without a GPU: 90 is Hopper (H100, H200)."""


def cache() -> Path:
    """The project's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vae-rs"


def write_stand_in(home: Path, folder: Path) -> None:
    """Compile a libcuda in which every function of cuda.h fails, for linking, and for machines without a driver."""
    header = '#include "cuda.h"\n'
    compiler = os.environ.get("CC", "cc")
    # The preprocessor knows which functions are macros for their later versions (cuCtxCreate is cuCtxCreate_v4).
    text = subprocess.run(
        [compiler, "-x", "c", "-E", "-P", "-I", home / "include", "-"], input=header, text=True, capture_output=True, check=True
    ).stdout
    names = set(re.findall(r"\bCUresult\s+(cu\w+)\s*\(", text)) | set(re.findall(r"\b(cu[A-Z]\w+)\b(?=\s*\()", text))
    names |= {"cuProfilerInitialize", "cuProfilerStart", "cuProfilerStop"}  # of cudaProfiler.h, which no wheel has
    # Earlier versions are still there in a real libcuda, and bindings may have been made for them.
    plain = {re.sub(r"_v\d+$", "", name) for name in names}
    names |= plain | {f"{name}_v2" for name in plain}
    functions = "".join(f"int {name}(void) {{ return 34; }} /* CUDA_ERROR_STUB_LIBRARY */\n" for name in sorted(names))
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so.1", "-x", "c", "-", "-o", folder / "libcuda.so.1"],
        input=functions, text=True, check=True,
    )
    if not (folder / "libcuda.so").is_symlink():
        (folder / "libcuda.so").symlink_to("libcuda.so.1")


def make_toolkit(folder: Path) -> Path:
    """Unpack the wheels into `folder` and complete them. Returns the toolkit's home."""
    print(f"cuda: unpacking the toolkit's {len(WHEELS)} wheels (500 MB to fetch, 1.2 GB unpacked)", file=sys.stderr)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore",
         "--no-deps", "--no-compile", "--only-binary=:all:", "--target", folder, *WHEELS], check=True,
    )
    home = folder / "nvidia" / "cu13"
    for library in (home / "lib").glob("*.so.*"):
        plain = library.with_name(library.name.split(".so.")[0] + ".so")
        if not plain.exists():
            plain.symlink_to(library.name)
    (home / "lib64").symlink_to("lib")
    write_stand_in(home, home / "lib" / "stubs")
    return home


def toolkit() -> Path:
    """The home of the toolkit: CUDA_HOME, or the wheels', which are unpacked first if need be."""
    if given := os.environ.get("CUDA_HOME"):
        if not Path(given, "bin", "nvcc").exists():
            raise SystemExit(f"cuda: CUDA_HOME is {given}, but there is no bin/nvcc; name a toolkit, or unset it")
        return Path(given)
    folder = cache() / KIT
    home = folder / "nvidia" / "cu13"
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / "cuda-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache()) as partial:
                try:
                    make_toolkit(Path(partial, "kit"))
                except subprocess.CalledProcessError as error:
                    raise SystemExit(
                        f"cuda: {Path(error.cmd[0]).name} could not make the toolkit, see above. It takes Linux on x86-64, a "
                        f"network, {sys.executable} with pip, and a C compiler; CUDA_HOME=/path takes an installed toolkit"
                    ) from None
                Path(partial, "kit").rename(folder)  # complete, or not there
    return home


def has_driver() -> bool:
    """Whether this machine has the driver's libcuda."""
    with contextlib.suppress(OSError):
        ctypes.CDLL("libcuda.so.1")
        return True
    return False


def compute_capability() -> str:
    """That of this machine's first GPU, as cargo's build scripts want it ("90")."""
    if given := os.environ.get("CUDA_COMPUTE_CAP"):
        return given
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
        answer = subprocess.run(query, text=True, capture_output=True)
        if answer.returncode == 0 and (first := answer.stdout.split()):
            return first[0].replace(".", "")
    return COMPUTE_CAPABILITY


def environment() -> dict[str, str]:
    """What differs from the present environment."""
    home = toolkit()
    before = os.environ.get("LD_LIBRARY_PATH")
    libraries = [str(folder) for folder in (home / "lib", home / "lib64") if folder.is_dir() and not folder.is_symlink()]
    if not has_driver():
        stubs = home / "lib" / "stubs"
        if not (stubs / "libcuda.so.1").exists():  # installed toolkits bring a libcuda.so to link with, but none to load
            stubs = cache() / "cuda-stand-in"
            write_stand_in(home, stubs)
        libraries.append(str(stubs))
    return {
        "CUDA_HOME": str(home),
        "CUDA_COMPUTE_CAP": compute_capability(),
        "NVCC": os.environ.get("NVCC") or str(Path(__file__).resolve().with_name("nvcc.py")),
        "VAE_CORE_NVCC_CACHE": str(cache() / "nvcc"),
        "PATH": os.pathsep.join([str(home / "bin"), os.environ.get("PATH", os.defpath)]),
        "LD_LIBRARY_PATH": os.pathsep.join(libraries + ([before] if before else [])),
    }


def main() -> None:
    variables = environment()
    if len(sys.argv) > 1:
        os.execvpe(sys.argv[1], sys.argv[1:], {**os.environ, **variables})
    for name, value in variables.items():
        print(f"{name}={value}")


if __name__ == "__main__":
    main()
