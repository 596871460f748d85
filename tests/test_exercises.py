"""The exercises in a real kernel: placeholders are told that they are wrong, solutions that they are right."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from pages import FOLDER, PATHS, code_cells, exercises, read
from run_notebook import new_client, run_cell

SEPARATOR = "=== variant"


def variants(exercise) -> list[tuple[str, str]]:
    """What is put into the answer cell, with what the checker has to say of it."""
    return [(exercise.answer, "not yet"), (exercise.solution, ": right"), *exercise.wrong]


def one_cell(exercise) -> str:
    """All variants, each with the checker, in one cell: each in a closure of its own, so that names do not meet."""
    bodies = [
        f'println!("{SEPARATOR}");\n#[allow(unused, clippy::all)]\nlet run = || -> Result<()> {{\n{code}\n{exercise.checker}\nOk(())\n}};\nrun()?;'
        for code, _ in variants(exercise)
    ]
    return "{\n" + "\n".join(bodies) + "\n};"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_checkers_judge_rightly(path, monkeypatch):
    """Every placeholder is not yet right, every solution is right, and the usual wrong answers hear what is wrong with them."""
    monkeypatch.setenv("VAE_FAST", "1")
    page = read(path)
    found = exercises(page)
    needed = {cell for exercise in found for cell in exercise.after}
    cells = code_cells(page)
    before = [cell.source for i, cell in enumerate(cells) if i == 0 or cell.get("id") in needed]
    notebook = new_notebook(cells=[new_code_cell(source) for source in [*before, *map(one_cell, found)]])
    client = new_client(notebook, FOLDER, timeout=600)
    with client.setup_kernel():
        for i, cell in enumerate(notebook.cells):
            run_cell(client, cell, i, i + 1)
    for exercise, cell in zip(found, notebook.cells[len(before):], strict=True):
        said = "".join(output.get("text", "") for output in cell.outputs).split(SEPARATOR)[1:]
        for (code, words), verdict in zip(variants(exercise), said, strict=True):
            assert words in verdict, f"{exercise.title}: of\n{code}\nthe checker says{verdict}"
