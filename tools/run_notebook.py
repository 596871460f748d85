"""Run Rust notebooks without a browser, stream what their cells print, and fail when a cell fails.

The kernel answers "ok" to a cell that panicked, or that ended early through `?`: such a cell only prints on stderr.
nbconvert and nbclient on their own call that a success. Here, a cell fails on a compile error, on a killed child, on a
time-out, and on anything at all on stderr but cargo's progress. Two cell tags change that:

  raises-exception   the cell must fail, and the run goes on; it is an error if the cell does not fail
  allow-stderr       what the cell writes to stderr is a message, not a failure

A cell with {"vae": {"repeats": 1e-6}} in its metadata must print what is committed, numbers up to that relative difference
(see repeated_outputs.py), or it fails too.

Each executed notebook and its HTML page go to `target/notebooks/`; the source is left alone, unless --inplace is given, which
writes new outputs and so compares none. It also keeps the seconds that each cell took, {"vae": {"seconds": 1.2}}, which the
tests hold against the time that the page states; on a machine that has other work it refuses, unless --force is given.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from kernel_session import LATE_OUTPUT_SECONDS, PatientClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from repeated_outputs import difference, tolerance_of

REPOSITORY = Path(__file__).resolve().parent.parent
OUTPUT = REPOSITORY / "target" / "notebooks"

MUST_FAIL = "raises-exception"
ALLOW_STDERR = "allow-stderr"

CARGO_PROGRESS = re.compile(r"\s*(Compiling|Checking|Fresh|Finished|Updating|Locking|Adding|Download(ing|ed)|Blocking)\b")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

BUSY = 0.7  # load for each core
SETTLING_SECONDS = 120  # the load is a mean over the last minute, in which perhaps another page was run


class StreamingClient(PatientClient):
    """A client that shows what a cell prints while the cell runs."""

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "stream":
            show(msg["content"]["text"])
        elif msg["msg_type"] in ("execute_result", "display_data"):
            data = msg["content"]["data"]
            other = sorted(kind for kind in data if kind != "text/plain")
            show(f"<{', '.join(other)}>" if other else data.get("text/plain", ""))
        elif msg["msg_type"] == "error":
            show(msg["content"]["evalue"])
        return super().process_message(msg, cell, cell_index)


@dataclass
class CellFailure(Exception):
    """A cell that failed without leave, or that did not fail where it had to."""

    number: int
    source: str
    message: str

    def __str__(self):
        return f"cell [{self.number}] failed: {self.message}\n--- its source ---\n{self.source}"


def show(text: str) -> None:
    for line in text.rstrip("\n").split("\n"):
        print(f"       | {line}", flush=True)


def failure_of(cell) -> str | None:
    """The message with which a cell failed, or None. `outputs` is what tells: the kernel's own answer does not."""
    for output in cell.outputs:
        if output.output_type == "error":
            return COLOUR.sub("", output.evalue + "\n" + "\n".join(output.traceback)).strip()
    if ALLOW_STDERR in cell.metadata.get("tags", []):
        return None
    stderr = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr")
    told = [line for line in stderr.splitlines() if line.strip() and not CARGO_PROGRESS.match(line)]
    return COLOUR.sub("", "\n".join(told)) if told else None


def run_cell(client: StreamingClient, cell, index: int, number: int) -> None:
    """Execute one cell; raise CellFailure unless it did what its tags ask."""
    try:
        client.execute_cell(cell, index)
        failure = failure_of(cell)
    except CellTimeoutError:
        raise CellFailure(number, cell.source, f"no end after {client.timeout} s (--timeout sets the limit)") from None
    except DeadKernelError:
        raise CellFailure(number, cell.source, "the kernel died (out of memory? see last-kernel.log under target/)") from None

    must_fail = MUST_FAIL in cell.metadata.get("tags", [])
    if must_fail and failure is None:
        raise CellFailure(number, cell.source, f"it is tagged {MUST_FAIL}, but it did not fail")
    if failure is not None and not must_fail:
        raise CellFailure(number, cell.source, failure)


def new_client(notebook, folder: Path, timeout: int) -> StreamingClient:
    """A client that runs the cells of `notebook` as if it lay in `folder`."""
    return StreamingClient(
        notebook,
        kernel_name="rust",
        timeout=timeout,
        startup_timeout=600,
        allow_errors=True,  # run_cell decides
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )


def check_repetition(cell, committed, number: int) -> None:
    """Raise CellFailure where a cell promises to repeat its committed outputs and did not."""
    try:
        tolerance = tolerance_of(cell)
    except ValueError as error:
        raise CellFailure(number, cell.source, str(error)) from None
    if tolerance is not None and (message := difference(committed, cell.outputs, tolerance)):
        raise CellFailure(number, cell.source, message)


def run_cells(notebook, folder: Path, timeout: int, compare: bool) -> None:
    """Execute the code cells of `notebook` in place, comparing outputs with the committed ones where it is promised."""
    cells = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    committed = {index: cell.outputs for index, cell in cells}
    for _, cell in cells:
        cell.outputs, cell.execution_count = [], None
    client = new_client(notebook, folder, timeout)
    started = time.time()
    with client.setup_kernel():
        print(f"[kernel] started in {time.time() - started:.1f} s", flush=True)
        for number, (index, cell) in enumerate(cells, start=1):
            first_line = (cell.source.strip().splitlines() or ["(empty)"])[0]
            print(f"[{number:2}/{len(cells)}] {first_line}", flush=True)
            started = time.time()
            run_cell(client, cell, index, number)
            if compare:
                check_repetition(cell, committed[index], number)
            seconds = max(time.time() - started - LATE_OUTPUT_SECONDS, 0.0)
            cell.metadata["vae"] = cell.metadata.get("vae", {}) | {"seconds": round(seconds, 1)}
            print(f"[{number:2}/{len(cells)}] {seconds:.1f} s", flush=True)


def wait_until_idle() -> None:
    """Return once the machine has nothing else to do; exit with a message when it goes on having."""
    limit, patience = BUSY * (os.cpu_count() or 1), SETTLING_SECONDS
    while (load := os.getloadavg()[0]) > limit:
        if patience <= 0:
            raise SystemExit(
                f"the load of this machine is {load:.1f}, above {limit:.1f} ({BUSY} for each core): times and outputs that are "
                "committed come from an idle one. Wait, or write them all the same with --force (make run INPLACE=1 FORCE=1)"
            )
        print(f"waiting for the load to fall: {load:.1f}, expected {limit:.1f} or less", flush=True)
        time.sleep(10)
        patience -= 10


def tidy(notebook) -> None:
    """Make an executed notebook the same on every machine: no paths, minimal metadata, cells counted from 1."""
    kernelspec = {"name": "rust", "display_name": "Rust", "language": "rust"}
    language = {"name": "rust", "file_extension": ".rs", "mimetype": "text/rust", "pygments_lexer": "rust"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernelspec, "language_info": language})
    names = {str(REPOSITORY): ".", str(Path.home()): "~"}
    if data := os.environ.get("VAE_CORE_DATA_DIR"):
        names = {data: "$VAE_CORE_DATA_DIR"} | names

    def shorten(value):
        if isinstance(value, str):
            for path, name in names.items():
                value = value.replace(path, name)
        elif isinstance(value, list):
            value = [shorten(item) for item in value]
        elif isinstance(value, dict):
            value = nbformat.from_dict({key: shorten(item) for key, item in value.items()})
        return value

    count = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = shorten(cell.outputs)
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count


def write_html(notebook, path: Path) -> None:
    exporter = HTMLExporter(template_name="lab")
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    html, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
    path.write_text(html)


def run_one(path: Path, timeout: int, inplace: bool) -> None:
    """Run one notebook and write what came of it, failed or not."""
    notebook = nbformat.read(path, as_version=4)
    started = time.time()
    failure = None
    try:
        run_cells(notebook, path.resolve().parent, timeout, compare=not inplace)
    except CellFailure as error:
        failure = error
    tidy(notebook)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    executed = OUTPUT / path.name
    nbformat.write(notebook, executed)
    write_html(notebook, executed.with_suffix(".html"))
    print(f"written: {executed} and {executed.with_suffix('.html').name}")
    if failure:
        raise SystemExit(f"FAILED {path}: {failure}")
    if inplace:
        nbformat.write(notebook, path)
        print(f"written: {path}")
    print(f"ok     {path} in {time.time() - started:.0f} s")


def run_many(paths: list[Path], timeout: int, jobs: int) -> None:
    """Run several notebooks, each in a process of its own with a log, and sum up."""
    OUTPUT.mkdir(parents=True, exist_ok=True)

    def run(path: Path) -> tuple[bool, str]:
        log = OUTPUT / f"{path.stem}.log"
        started = time.time()
        with log.open("w") as output:
            command = [sys.executable, __file__, "--timeout", str(timeout), str(path)]
            status = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode
        line = f"{'ok    ' if status == 0 else 'FAILED'} {path} in {time.time() - started:.0f} s"
        print(line, flush=True)
        if status != 0:
            print("\n".join(log.read_text().splitlines()[-40:]), flush=True)
        return status == 0, line

    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(run, paths))
    failed = [line for passed, line in results if not passed]
    print(f"{len(results) - len(failed)} of {len(results)} notebooks ran to their end")
    if failed:
        raise SystemExit("\n".join(failed))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog=__doc__.split("\n\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--timeout", type=int, default=1800, help="seconds for one cell (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks that run at once (default: %(default)s)")
    parser.add_argument("--inplace", action="store_true", help="write the outputs into the notebook itself")
    parser.add_argument("--force", action="store_true", help="with --inplace: on a busy machine too")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # leave no kernel behind
    if missing := [str(path) for path in arguments.notebooks if not path.is_file()]:
        raise SystemExit(f"no such notebook: {', '.join(missing)}")
    if arguments.inplace and not arguments.force:
        wait_until_idle()
    if len(arguments.notebooks) == 1:
        run_one(arguments.notebooks[0], arguments.timeout, arguments.inplace)
    elif arguments.inplace:
        raise SystemExit("--inplace takes one notebook at a time")
    else:
        run_many(arguments.notebooks, arguments.timeout, arguments.jobs)


if __name__ == "__main__":
    main()
