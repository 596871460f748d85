"""One live Rust kernel, its cells run one by one: what the benchmark and the tests need below a whole notebook."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient


@dataclass
class Answer:
    """What one cell came to."""

    seconds: float
    stdout: str
    failure: str
    """Text on stderr and error messages; empty for a cell that did what it says."""


@contextlib.contextmanager
def kernel(folder: Path, timeout: int = 900, environment: dict[str, str] | None = None, startup_timeout: int = 900):
    """Start a kernel in `folder`; yield a function that runs a cell in it and returns its Answer."""
    notebook = nbformat.v4.new_notebook()
    client = NotebookClient(
        notebook, kernel_name="rust", timeout=timeout, startup_timeout=startup_timeout, allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )

    def run(source: str) -> Answer:
        cell = nbformat.v4.new_code_cell(source)
        notebook.cells.append(cell)
        start = time.perf_counter()
        client.execute_cell(cell, len(notebook.cells) - 1)
        answer = Answer(time.perf_counter() - start, "", "")
        for output in cell.outputs:
            if output.output_type == "error":
                answer.failure += output.evalue + "\n"
            elif output.output_type == "stream" and output.name == "stderr":
                answer.failure += output.text
            elif output.output_type == "stream":
                answer.stdout += output.text
        return answer

    with client.setup_kernel(**({"env": environment} if environment else {})):
        yield run
