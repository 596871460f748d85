"""The pages of the course as the tests read them: their names, cells, exercises."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
NAMES = {
    path: f"{path.stem[:2]} · {name}"
    for path, name in zip(PATHS, [
        "Start here", "The ELBO", "Reparameterization", "MLP VAE", "Convolutional VAE", "Denoising", "Anomaly detection",
        "Disentanglement", "Conditional VAE", "Likelihood", "The clinic",
    ])
}


@dataclass
class Exercise:
    """Three cells: the task with its hint and solution, the answer to be changed, the checker."""

    title: str
    task: str
    answer: str
    checker: str
    solution: str
    wrong: list[tuple[str, str]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def read(path: Path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def exercises(notebook) -> list[Exercise]:
    """The exercises of a page: wherever a code cell says in its metadata that it is an answer."""
    found = []
    for i, cell in enumerate(notebook.cells):
        about = cell.metadata.get("vae", {}).get("exercise")
        if about is None:
            continue
        task, checker = notebook.cells[i - 1].source, notebook.cells[i + 1].source
        title = re.search(r"^\*\*(\d · .+?)[.?]\*\*", task, re.MULTILINE)
        solution = re.search(r"<summary>Solution</summary>.*?```rust\n(.*?)```", task, re.DOTALL)
        found.append(Exercise(
            title[1] if title else "", task, cell.source, checker, solution[1] if solution else "",
            [tuple(pair) for pair in about.get("wrong", [])], about.get("after", []),
        ))
    return found
