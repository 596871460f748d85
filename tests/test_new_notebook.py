"""`make new`: a notebook of one's own, in any folder."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from new_notebook import CRATE, TEMPLATE
from run_notebook import run_one

REPOSITORY = Path(__file__).resolve().parent.parent


def make_new(notebook, **options) -> subprocess.CompletedProcess:
    command = ["make", "--no-print-directory", "new", f"NB={notebook}", f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=REPOSITORY, text=True, capture_output=True, **options)


def first_cell(path: Path) -> str:
    return next(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


def crate_of(path: Path) -> Path:
    """The folder that a notebook's `:dep` line leads to."""
    line = next(line for line in first_cell(path).splitlines() if line.startswith(":dep "))
    return (path.parent / tomllib.loads(line.removeprefix(":dep "))["vae_core"]["path"]).resolve()


@pytest.mark.parametrize("name", ["my_vae", "with spaces/and 'quotes' \"too\"/größe"])
def test_finds_the_crate_from_any_folder(tmp_path, name):
    """Outside the repository, in folders that it makes, the new notebook is valid and leads to the crate by an absolute path."""
    target = tmp_path / name
    command = [sys.executable, "tools/new_notebook.py", target]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    path = target.with_name(f"{target.name}.ipynb")
    nbformat.validate(nbformat.read(path, as_version=4))
    assert crate_of(path) == CRATE
    assert f'const FILES: &str = "{target.name}";' in first_cell(path)


def test_inside_the_repository_the_path_is_relative():
    """A notebook in a folder of the repository still works in a copy of the whole."""
    path = REPOSITORY / "target" / "test-new" / "deep" / "mine.ipynb"
    path.unlink(missing_ok=True)
    assert make_new(path).returncode == 0
    assert 'path = "../../../vae_core"' in first_cell(path)
    assert crate_of(path) == CRATE
    path.unlink()


def test_never_overwrites(tmp_path):
    """A file that is there stays as it is, and the answer says so."""
    path = tmp_path / "mine.ipynb"
    path.write_text("mine")
    made = make_new(path)
    assert made.returncode != 0 and "is there already" in made.stdout
    assert path.read_text() == "mine"


def test_asks_for_a_name():
    """Without NB, the command says how it is called."""
    made = make_new("")
    assert made.returncode != 0 and "make new NB=" in made.stdout


def test_the_template_runs_outside_the_repository(tmp_path, monkeypatch):
    """The template as it is trains, draws, saves and reads back, in a folder that has nothing to do with the repository; run once
    more it goes on from its checkpoint."""
    monkeypatch.setenv("VAE_FAST", "1")
    path = tmp_path / "elsewhere" / "mine.ipynb"
    assert make_new(path).returncode == 0
    run_one(path, timeout=900, inplace=True)
    run_one(path, timeout=900, inplace=True)
    files = {str(file.relative_to(path.parent)) for file in path.parent.rglob("*") if file.is_file()}
    assert {"mine/model.safetensors", "mine/history.svg", "mine/reconstructions.svg"} <= files
    printed = json.dumps(nbformat.read(path, as_version=4))
    assert "resuming after epoch 2" in printed
    assert printed.count("data:image/svg+xml") >= 2


def test_the_template_has_no_outputs():
    """What `make new` writes has not been run, and names no machine."""
    notebook = nbformat.read(TEMPLATE, as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert os.path.expanduser("~") not in TEMPLATE.read_text()
