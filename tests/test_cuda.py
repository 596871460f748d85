"""The switch CUDA=1, without a GPU: what make passes on, the compiler's cache, and a real kernel where its build is at hand."""

import json
import os
import subprocess
import sys

import pytest
from cuda_toolkit import environment as cuda_environment
from kernel_session import kernel


def make(repository, *arguments):
    """What `make -n` would do."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("CUDA", "MAKE", "VAE_CORE"))}
    return subprocess.run(["make", "-n", *arguments], cwd=repository, text=True, capture_output=True, env=plain)


def test_cuda_1_is_passed_on(repository):
    """Tests, benchmark and notebooks get the feature, the toolkit's environment and a build of their own with CUDA=1, and none of
    it without."""
    with_cuda, without = make(repository, "bench", "CUDA=1").stdout, make(repository, "bench").stdout
    assert all(word in with_cuda for word in ["cuda_toolkit.py", "vae_core/cuda", "target/cuda", "--device cuda"]), with_cuda
    assert "cuda" not in without, without
    assert "target/setup-cuda/warm" in make(repository, "-W", "Cargo.toml", "run", "NB=x.ipynb", "CUDA=1").stdout


def test_another_value_is_refused(repository):
    """CUDA=yes is an error that says what was expected, CUDA=0 is the CPU."""
    refused = make(repository, "bench", "CUDA=yes")
    assert refused.returncode != 0 and 'CUDA is "yes": expected 1' in refused.stderr
    assert "cuda" not in make(repository, "bench", "CUDA=0").stdout


@pytest.fixture
def nvcc(repository, tmp_path):
    """Runs tools/nvcc.py on kernel.cu with a compiler that notes its calls; returns the program's status."""
    home = tmp_path / "toolkit" / "bin"
    home.mkdir(parents=True)
    (home / "nvcc").write_text(
        "#!/bin/sh\n"
        'case "$*" in *--version*) echo 13.0; exit;; esac\n'
        f'echo "$*" >> {tmp_path}/calls\n'
        'grep -q broken src/kernel.cu && exit 3\n'
        'while [ "$1" != -o ]; do shift; done; cp src/kernel.cu "$2"\n'
    )
    (home / "nvcc").chmod(0o755)
    (tmp_path / "src").mkdir()

    def run(text: str) -> int:
        (tmp_path / "src" / "kernel.cu").write_text(text)
        variables = dict(os.environ, CUDA_HOME=str(home.parent), VAE_CORE_NVCC_CACHE=str(tmp_path / "cache"))
        command = [sys.executable, repository / "tools" / "nvcc.py", "-gencode=arch=compute_90a,code=sm_90a"]
        return subprocess.run([*command, "-c", "-o", "out.o", "-O3", "src/kernel.cu"], cwd=tmp_path, env=variables).returncode

    return run


def test_a_kernel_is_compiled_once(nvcc, tmp_path):
    """The same text is compiled once and to PTX, another text anew, and a failure is kept by nobody."""
    calls = lambda: (tmp_path / "calls").read_text().splitlines()
    assert [nvcc("one"), nvcc("one")] == [0, 0] and len(calls()) == 1
    assert "code=compute_90a" in calls()[0] and "-O3" not in calls()[0]
    assert nvcc("two") == 0 and (tmp_path / "out.o").read_text() == "two" and len(calls()) == 2
    assert nvcc("one") == 0 and (tmp_path / "out.o").read_text() == "one" and len(calls()) == 2
    assert [nvcc("broken"), nvcc("broken")] == [3, 3] and len(calls()) == 4


def test_a_kernel_with_cuda(repository, tmp_path):
    """In a kernel with the switch on, an unchanged `:dep` line gets the feature; cells share one device, or go on with the CPU
    after a line that says why; and so it is after a restart."""
    if not (repository / "target" / "kernel-cuda" / "warm").exists():
        pytest.skip("there is no warm build with CUDA: `make setup CUDA=1` makes one")
    variables = dict(os.environ, VAE_CORE_CUDA="1", VAE_CORE_DEVICE="cuda", **cuda_environment())
    for _ in range(2):
        with kernel(tmp_path, environment=variables) as run:
            answers = [run(source) for source in [
                f':dep vae_core = {{ path = {json.dumps(str(repository / "vae_core"))} }}\nuse vae_core::prelude::*;',
                "let device = best_device()?;\nlet x = Var::new(&[3f32], &device)?;",
                "let again = best_device()?;\nlet y = (x.as_tensor() * Tensor::new(&[2f32], &again)?)?;",
                'let gradients = y.backward()?;\nprintln!("{:?}", gradients.get(&x).map(|g| g.to_vec1::<f32>()).transpose()?);',
            ]]
        assert [answer.failure for answer in answers] == ["", "", "", ""]
        line = answers[1].stdout
        assert "CUDA device 0" in line or "CUDA is built in but cannot be used: " in line, line
        assert "Some([2.0])" in answers[3].stdout
