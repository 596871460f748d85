"""What the tests share: the repository, its tools as modules, small notebooks."""

import os
import sys
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tools"))
os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # as in the Makefile: the kernel of this environment


@pytest.fixture
def repository() -> Path:
    return REPOSITORY


@pytest.fixture
def write_notebook(tmp_path):
    """Write a notebook of the given cells, each its source or (source, tag), to a folder outside the repository."""

    def write(name: str, *cells: str | tuple[str, str]) -> Path:
        notebook = nbformat.v4.new_notebook()
        for cell in cells:
            source, tags = (cell, []) if isinstance(cell, str) else (cell[0], [cell[1]])
            notebook.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags} if tags else {}))
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path

    return write
