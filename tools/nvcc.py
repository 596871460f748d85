#!/usr/bin/env python3
"""nvcc for candle's kernels, which NVCC names while cuda_toolkit.py builds: the same results, without most of the waiting.

candle compiles its products of quantized matrices to machine code, a quarter of an hour on two cores, for a library that no
VAE calls. Here they stay PTX, which the driver would turn into machine code on a first call. And since a checkout has several
builds (tests, notebooks, the check), whatever was compiled once from the same text is kept beside the toolkit.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

NVCC = Path(os.environ["CUDA_HOME"], "bin", "nvcc")


def main() -> None:
    arguments = [argument.replace(",code=sm_", ",code=compute_") for argument in sys.argv[1:]]
    if "-c" not in arguments or "-o" not in arguments:
        os.execv(NVCC, [NVCC, *sys.argv[1:]])
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
