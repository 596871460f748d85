"""One live Rust kernel, its cells run one by one: what the benchmark and the tests need below a whole notebook."""

import contextlib
import queue
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient

# stderr reaches us through a thread of its own in the kernel and may come after the cell is declared done.
LATE_OUTPUT_SECONDS = 0.15


class PatientClient(NotebookClient):
    """An nbclient that waits a moment for what comes after the end of a cell."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.on_cell_executed = self.take_late_output

    async def take_late_output(self, cell, cell_index, **_):
        """Take in what the kernel sends about a cell shortly after it has declared it done."""
        with contextlib.suppress(queue.Empty):
            while True:
                message = await self.kc.iopub_channel.get_msg(timeout=LATE_OUTPUT_SECONDS)
                if message["msg_type"] == "stream":
                    self.process_message(message, cell, cell_index)


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
    client = PatientClient(
        notebook, kernel_name="rust", timeout=timeout, startup_timeout=startup_timeout, allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )

    def run(source: str) -> Answer:
        cell = nbformat.v4.new_code_cell(source)
        notebook.cells.append(cell)
        start = time.perf_counter()
        client.execute_cell(cell, len(notebook.cells) - 1)
        answer = Answer(time.perf_counter() - start - LATE_OUTPUT_SECONDS, "", "")
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
