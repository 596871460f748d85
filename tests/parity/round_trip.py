"""The original architectures from PyTorch into vae_core and back, with real state dicts:

    pip install torch==2.13.0 safetensors numpy && python tests/parity/round_trip.py

Each module is written plain, in other types, in `DataParallel` and compiled. The ignored test of
`vae_core/tests/pytorch_originals.rs` loads them, compares its outputs with PyTorch's, and writes them back under its own names and
under PyTorch's; here they are loaded again, strictly, and must have the same bits.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import torch
from modules import originals
from safetensors.torch import load_file, save_file

REPOSITORY = Path(__file__).resolve().parents[2]
TEST = ["cargo", "test", "--release", "-p", "vae_core", "--test", "pytorch_originals", "round_trip", "--"]
VARIANTS = {
    "float32": lambda module: module,
    "float64": lambda module: module.double(),
    "float16": lambda module: module.half(),
    "bfloat16": lambda module: module.bfloat16(),
    "parallel": lambda module: torch.nn.DataParallel(module),
    "compiled": lambda module: torch.compile(module),
}


def write(folder: Path, name: str, variant: str) -> None:
    """The state dict of one variant, and what the module makes of random images with those weights in float32."""
    module = originals()[name]
    state = VARIANTS[variant](module).state_dict()
    save_file(state, folder / f"{name}-{variant}.safetensors")
    module.float()
    x = torch.rand(5, 1, 28, 28)
    with torch.no_grad():
        mu, log_var = module.encode(x)
        epsilon = torch.randn_like(mu)
        mean = torch.sigmoid(module.decode(mu + torch.exp(0.5 * log_var) * epsilon))
    expected = {"x": x, "epsilon": epsilon, "mu": mu, "log_var": log_var, "mean": mean}
    save_file({key: value.contiguous() for key, value in expected.items()}, folder / f"{name}-{variant}.expected")


def read_back(folder: Path, name: str, variant: str) -> None:
    """What vae_core wrote, loaded into new modules."""
    stem = folder / f"{name}-{variant}"
    sent = {key: value.float() for key, value in load_file(stem.with_suffix(".safetensors")).items()}
    fresh = originals()[name]
    wrapped = VARIANTS[variant](fresh).float()
    wrapped.load_state_dict(load_file(stem.with_suffix(".like")), strict=True)
    for key, value in wrapped.state_dict().items():
        assert torch.equal(value, sent[key]), f"{stem.name}: {key} came back changed"
    if name == "denoising_notebook":
        return  # its one layer for both heads is two in vae_core: only the names of `like` fit it
    other = originals()[name]
    other.load_state_dict(load_file(stem.with_suffix(".saved")), strict=True)
    for (key, a), b in zip(fresh.state_dict().items(), other.state_dict().values()):
        assert torch.equal(a, b), f"{stem.name}: {key} came back changed under the names of vae_core"


if __name__ == "__main__":
    torch.manual_seed(1)
    cases = [(name, variant) for name in originals() for variant in VARIANTS]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for case in cases:
            write(folder, *case)
        environment = os.environ | {"VAE_CORE_PARITY": temporary}
        subprocess.run([*TEST, "--ignored", "--nocapture"], cwd=REPOSITORY, env=environment, check=True)
        for case in cases:
            read_back(folder, *case)
    print(f"{len(cases)} state dicts went to vae_core and came back bit for bit")
