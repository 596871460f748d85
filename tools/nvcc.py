#!/usr/bin/env python3
"""nvcc for candle's kernels, which NVCC names while cuda_toolkit.py builds: the same results, without most of the waiting.

candle compiles its products of quantized matrices into a library, with all optimizations, to machine code: half an hour on two
cores, for what no VAE calls. Here that library is optimized little and stays PTX, which the driver would turn into machine code
on a first call; the kernels of candle's tensors are PTX anyway and optimized in full. Where quantized matrices matter, set
NVCC=$CUDA_HOME/bin/nvcc. And since a checkout has several builds (tests, notebooks, the check), what was compiled once from the
same text is kept in the user's cache folder.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

NVCC = Path(os.environ["CUDA_HOME"], "bin", "nvcc")


def main() -> None:
    if "-c" not in sys.argv or "-o" not in sys.argv:
        os.execv(NVCC, [NVCC, *sys.argv[1:]])
    arguments = [argument.replace(",code=sm_", ",code=compute_") for argument in sys.argv[1:] if argument != "-O3"]
    arguments += ["-O1", "-Xcicc", "-O1"]
    at = arguments.index("-o") + 1
    target = Path(arguments[at])
    source = next(Path(argument) for argument in arguments if argument.endswith(".cu"))
    recipe = hashlib.sha256(subprocess.check_output([NVCC, "--version"]))
    recipe.update("\n".join(arguments[:at] + arguments[at + 1 :]).encode())
    # What a source may include lies in the first folder of its path: src/ of the crate.
    for file in sorted(Path(source.parts[0]).rglob("*.cu*")):
        recipe.update(file.read_bytes())
    kept = Path(os.environ["VAE_CORE_NVCC_CACHE"], f"{source.stem}-{recipe.hexdigest()[:20]}.o")
    if not kept.exists():
        if (status := subprocess.run([NVCC, *arguments]).returncode) != 0:
            raise SystemExit(status)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(target, partial)
        partial.rename(kept)
    shutil.copyfile(kept, target)


if __name__ == "__main__":
    main()
