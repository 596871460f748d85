"""The committed notebooks as files: complete, tidy, the same on every machine."""

import re
from pathlib import Path

import nbformat
import pytest
from repeated_outputs import FIGURE, printed, tolerance_of
from run_notebook import ALLOW_STDERR, MUST_FAIL

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
# A path of somebody's machine: home folders, temporary folders, drives.
MACHINE_PATH = re.compile(r"(?<![\w./])(/home/|/Users/|/root/|/tmp/|/var/folders/|[A-Z]:\\\\)")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def promising(notebook):
    return [cell for cell in code_cells(notebook) if tolerance_of(cell) is not None]


def test_is_valid_and_asks_for_our_kernel(notebook):
    """The file follows the notebook format and names the kernel `rust`."""
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "rust"
    assert notebook.metadata.kernelspec.display_name == "Rust"


def test_begins_with_a_title(notebook):
    """The first cell is text and opens with a title."""
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")


def test_dependencies_are_named_first(notebook):
    """All `:dep` lines are in the first code cell: a later one can drop variables."""
    first, *rest = code_cells(notebook)
    assert ':dep vae_core = { path = "../vae_core" }' in first.source
    assert not [cell.source for cell in rest if re.search(r"^\s*:dep", cell.source, re.MULTILINE)]


def test_was_run_to_its_end(notebook):
    """Outputs are committed, of every cell in order, and only a cell tagged for it shows a failure."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert any(cell.outputs for cell in code_cells(notebook))
    for cell in code_cells(notebook):
        tags = cell.metadata.get("tags", [])
        failures = [
            output for output in cell.outputs
            if output.output_type == "error" or (output.output_type == "stream" and output.name == "stderr")
        ]
        assert not failures or MUST_FAIL in tags or ALLOW_STDERR in tags, cell.source


def test_promises_to_repeat_can_be_kept(notebook):
    """A cell that promises to repeat has text to compare, takes no time and is no exercise."""
    for cell in promising(notebook):
        texts = [text for text in printed(cell.outputs).values() if text.strip() not in ("", FIGURE)]
        assert texts, cell.source
        assert not re.search(r"Instant::now|check::exercise", cell.source), cell.source
        assert "images/s" not in "".join(texts), cell.source


def test_some_cells_promise_to_repeat():
    """The promises are still there: a tool that writes notebooks may drop metadata."""
    assert sum(len(promising(nbformat.read(path, as_version=4))) for path in NOTEBOOKS) >= 30


def test_draws_its_figures(notebook):
    """No figure was shown as the text that stands for it, and no cell shows the empty value `()`."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            text = output.get("data", {}).get("text/plain", "")
            assert "(not drawn:" not in text and text.strip() != "()", cell.source


def test_speaks_of_no_machine(notebook):
    """Neither outputs nor sources hold a path of the machine that ran them, and no cell a time stamp."""
    for cell in notebook.cells:
        assert not MACHINE_PATH.search(cell.source), cell.source
        assert "execution" not in cell.metadata
        for output in cell.get("outputs", []):
            texts = [output.get("text", "")] + [t for t in output.get("data", {}).values() if isinstance(t, str)]
            for text in texts:
                assert not MACHINE_PATH.search(re.sub(r"data:image/[^\"']*", "", text)), text[:500]


def test_formulas_are_closed(notebook):
    """Every `$` and `$$` has its partner, and braces inside balance; test_lab.py renders them."""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        text = re.sub(r"```.*?```|`[^`\n]*`|\\\$", "", cell.source, flags=re.DOTALL)
        assert text.count("$$") % 2 == 0, cell.source
        for display in re.findall(r"\$\$(.*?)\$\$", text, re.DOTALL):
            assert balanced(display), display
        rest = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
        assert rest.count("$") % 2 == 0, cell.source
        for inline in re.findall(r"\$([^$]*)\$", rest):
            assert balanced(inline), inline


def balanced(formula: str) -> bool:
    formula = re.sub(r"\\[{}]", "", formula)
    return formula.count("{") == formula.count("}") and formula.count(r"\left") - formula.count(r"\leftarrow") >= 0
