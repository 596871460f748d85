"""JupyterLab in a real browser, started the way a reader starts it: what a person sees after "Run All Cells"."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from browser import chromium, free_port, keep_screenshot, needs_chromium
from run_notebook import ALLOW_STDERR, MUST_FAIL

REPOSITORY = Path(__file__).resolve().parent.parent
TOKEN = "a-token-of-the-test"
COURSE = ["00_start_here", "03_mlp_vae"]
"""The pages that are run: where everyone begins, and the first trained model."""
STDERR = '[data-mime-type="application/vnd.jupyter.stderr"], [data-mime-type="application/vnd.jupyter.error"]'


def formulas_of_the_course() -> list[str]:
    """The text cells of all notebooks: what a reader sees rendered."""
    return [
        cell.source
        for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown" and "$" in cell.source
    ]


def code_cells(name: str) -> list:
    notebook = nbformat.read(REPOSITORY / "notebooks" / f"{name}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def figures_of(name: str) -> int:
    """How many figures a page has as it was committed."""
    data = [output.get("data", {}) for cell in code_cells(name) for output in cell.outputs]
    return sum("image/png" in one or "<img " in one.get("text/html", "") for one in data)


def write_notebooks(folder: Path) -> None:
    """A tiny notebook with the formulas of the course, and pages of the course without their outputs."""
    cells = [nbformat.v4.new_code_cell('println!("from the kernel: {}", 6 * 7);')]
    cells += [nbformat.v4.new_markdown_cell(source) for source in formulas_of_the_course()]
    cells.append(nbformat.v4.new_markdown_cell(r"$\mathbb{E}_q[\log p(x \mid z)]$"))
    kernelspec = {"name": "rust", "display_name": "Rust", "language": "rust"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), folder / "tiny.ipynb")
    for name in COURSE:
        notebook = nbformat.read(REPOSITORY / "notebooks" / f"{name}.ipynb", as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
                cell.source = cell.source.replace('"../vae_core"', f'"{REPOSITORY / "vae_core"}"')
        nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """`make lab` on a folder of notebooks, as a rehearsal. Yields a function from a notebook's name to its address."""
    tmp_path = tmp_path_factory.mktemp("lab")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_notebooks(folder)
    # Render all cells, not only those in view.
    settings = tmp_path / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"windowingMode": "none"}))

    port = free_port()
    arguments = f"--no-browser --allow-root --port {port} --IdentityProvider.token={TOKEN}"
    environment = dict(os.environ, JUPYTERLAB_SETTINGS_DIR=str(tmp_path / "settings"), VAE_FAST="1")
    log = tmp_path / "lab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            ["make", "lab", f"LAB_DIR={folder}", f"LAB_ARGS={arguments}", f"PYTHON={sys.executable}"],
            cwd=REPOSITORY, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )
    for _ in range(600):
        if server.poll() is not None:
            pytest.fail(f"`make lab` ended:\n{log.read_text()}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}.ipynb?reset&token={TOKEN}"
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(timeout=60)


def run_all(page, address: str) -> None:
    """Open a notebook and choose "Run All Cells" from the menu, as soon as the kernel is there."""
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=300_000)
    page.wait_for_selector("text=Rust | Idle", timeout=600_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def wait_until_run(page, seconds: int) -> None:
    """Wait until every code cell has its number."""
    page.wait_for_function(
        """() => [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].every(e => /^\\[\\d+\\]/.test(e.innerText.trim()))""",
        timeout=seconds * 1000,
    )
    page.wait_for_timeout(1_000)  # what is printed on stderr comes a little later


@needs_chromium
def test_every_formula_of_the_course_renders(lab):
    """A notebook opens in JupyterLab, "Run All Cells" shows its output, and every formula of the course renders."""
    with chromium() as browser:
        page = browser.new_page()
        run_all(page, lab("tiny"))
        page.wait_for_selector(".jp-OutputArea-output >> text=from the kernel: 42", timeout=600_000)
        page.wait_for_selector("mjx-container", timeout=60_000)
        page.wait_for_timeout(2_000)
        errors = page.eval_on_selector_all("mjx-merror", "found => found.map(e => e.getAttribute('title') || e.innerText)")
        rendered = page.locator("mjx-container").count()
        # What is not typeset stays in the page with its dollars.
        left = [t for t in page.locator(".jp-MarkdownOutput").all_inner_texts() if re.search(r"\$[^$\n]*\\[a-z]+", t)]
    assert errors == []
    assert left == []
    assert rendered > len(formulas_of_the_course())


@needs_chromium
@pytest.mark.parametrize("name", COURSE)
def test_a_page_of_the_course_runs(lab, name):
    """Run from the menu, top to bottom: each figure of the page appears, and no cell fails but those that are meant to."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        run_all(page, lab(name))
        wait_until_run(page, seconds=900)
        failed = page.eval_on_selector_all(
            ".jp-CodeCell", f"cells => cells.map(cell => [...cell.querySelectorAll('{STDERR}')].map(e => e.innerText).join('\\n'))"
        )
        drawn = page.eval_on_selector_all(".jp-OutputArea-output img", "found => found.filter(e => e.complete && e.naturalWidth > 0).length")
        page.locator(".jp-OutputArea-output img").first.scroll_into_view_if_needed()
        keep_screenshot(page, f"lab-{name}")
        page.locator(".jp-OutputArea-output img").last.scroll_into_view_if_needed()
        keep_screenshot(page, f"lab-{name}-last-figure")
    cells = code_cells(name)
    assert len(failed) == len(cells)
    for cell, message in zip(cells, failed):
        tags = cell.metadata.get("tags", [])
        assert bool(message) == (MUST_FAIL in tags) or ALLOW_STDERR in tags, f"{cell.source}\n{message}"
    assert drawn == figures_of(name)
