"""The recipe of docs/ci.md: the action's last step, as GitHub would run it, with the kernel as `evcxr_jupyter --install` leaves it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
ACTION = REPOSITORY / ".github" / "actions" / "rust-notebooks"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory) -> Path:
    """A Jupyter data folder with the stock kernel and nothing else."""
    folder = tmp_path_factory.mktemp("stock")
    program = Path(sys.prefix, "bin", "evcxr_jupyter")
    subprocess.run([program, "--install"], env=dict(os.environ, JUPYTER_PATH=str(folder)), check=True, capture_output=True)
    return folder


def last_step(kernel: Path, folder: Path, notebooks: str) -> subprocess.CompletedProcess:
    """Run the action's step `run` on notebooks in `folder`."""
    step = yaml.safe_load((ACTION / "action.yml").read_text())["runs"]["steps"][-1]
    (folder / "rust-notebooks").symlink_to(sys.prefix)
    environment = dict(
        os.environ, JUPYTER_PATH=str(kernel), RUNNER_TEMP=str(folder), GITHUB_ACTION_PATH=str(ACTION), NOTEBOOKS=notebooks,
        TIMEOUT="300",
    )
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)


def test_a_notebook_that_works_passes(kernel, write_notebook):
    """A notebook without `vae_core` runs with the stock kernel, and what it prints is shown."""
    path = write_notebook("works", "let x = 6 * 7;", 'println!("the answer is {x}");')
    done = last_step(kernel, path.parent, path.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the answer is 42" in done.stdout


def test_a_notebook_that_panics_fails(kernel, write_notebook):
    """A panic, which the kernel calls a success, ends the step with a message that shows the cell."""
    path = write_notebook("panics", "let x: Vec<u32> = vec![];", "x[7]")
    done = last_step(kernel, path.parent, path.name)
    assert done.returncode != 0
    assert "index out of bounds" in done.stdout + done.stderr and "x[7]" in done.stdout + done.stderr
