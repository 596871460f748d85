"""A notebook's cells and a release build compute the same bits from the same seed."""

import os
import re
import subprocess

from kernel_session import kernel

LINE = re.compile(r"^(?:mlp|conv|denoising|beta-tc|factor|detector|candle)(?: [0-9a-f]{16})+$", re.MULTILINE)


def test_a_notebook_trains_to_the_bits_of_a_release_build(repository, tmp_path):
    """An MLP, a convolutional VAE, a denoiser, a detector and a gradient by candle alone come to the same bits in a kernel
    with its default number of threads as in a release build with one."""
    command = ["cargo", "test", "--release", "--package", "vae_core", "--test", "repetition", "--"]
    command += ["--exact", "program_of_one_process", "--ignored", "--nocapture"]
    run = subprocess.run(
        command, cwd=repository, env=dict(os.environ, RAYON_NUM_THREADS="1"), text=True, capture_output=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    release = LINE.findall(run.stdout)
    assert len(release) == 7, run.stdout

    with kernel(repository / "tests") as run_cell:
        answers = [
            run_cell(':dep vae_core = { path = "../vae_core" }'),
            run_cell((repository / "vae_core" / "tests" / "repetition" / "program.rs").read_text()),
            run_cell(f'for line in train_all(Path::new("{tmp_path}"))? {{ println!("{{line}}"); }}'),
        ]
    assert [answer.failure for answer in answers] == [""] * 3
    assert LINE.findall(answers[-1].stdout) == release
