"""JupyterLab in a real browser, started the way a reader starts it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]
TOKEN = "a-token-of-the-test"


def formulas_of_the_course() -> list[str]:
    """The text cells of all notebooks: what a reader sees rendered."""
    return [
        cell.source
        for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown" and "$" in cell.source
    ]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def lab(tmp_path):
    """`make lab` on a folder with one notebook: its cells, then the formulas of the course. Yields its address."""
    cells = [nbformat.v4.new_code_cell('println!("from the kernel: {}", 6 * 7);')]
    cells += [nbformat.v4.new_markdown_cell(source) for source in formulas_of_the_course()]
    cells.append(nbformat.v4.new_markdown_cell(r"$\mathbb{E}_q[\log p(x \mid z)]$"))
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "rust", "display_name": "Rust"}})
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbformat.write(notebook, folder / "tiny.ipynb")
    # Render all cells, not only those in view.
    settings = tmp_path / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"windowingMode": "none"}))

    port = free_port()
    arguments = f"--no-browser --allow-root --port {port} --IdentityProvider.token={TOKEN}"
    environment = dict(os.environ, JUPYTERLAB_SETTINGS_DIR=str(tmp_path / "settings"))
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
    yield f"http://127.0.0.1:{port}/lab/tree/tiny.ipynb?token={TOKEN}"
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(timeout=60)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (on Debian: apt install chromium)")
def test_a_notebook_runs_in_jupyterlab(lab):
    """A notebook opens in JupyterLab, "Run All Cells" shows its output, and every formula of the course renders."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(lab)
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
        page.wait_for_selector("text=Rust | Idle", timeout=180_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_selector(".jp-OutputArea-output >> text=from the kernel: 42", timeout=180_000)
        page.wait_for_selector("mjx-container", timeout=60_000)
        page.wait_for_timeout(2_000)
        errors = page.eval_on_selector_all("mjx-merror", "found => found.map(e => e.getAttribute('title') || e.innerText)")
        rendered = page.locator("mjx-container").count()
        # What is not typeset stays in the page with its dollars.
        left = [t for t in page.locator(".jp-MarkdownOutput").all_inner_texts() if re.search(r"\$[^$\n]*\\[a-z]+", t)]
        browser.close()
    assert errors == []
    assert left == []
    assert rendered > len(formulas_of_the_course())
