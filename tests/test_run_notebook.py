"""Headless runs: what counts as a failure, and what is written."""

import os
import subprocess
import sys

import nbformat
import pytest
import run_notebook
from run_notebook import MUST_FAIL, OUTPUT, CellFailure, new_client, run_cell


@pytest.fixture(scope="module")
def run_source(tmp_path_factory):
    """One kernel for all the cells of this file; returns a function that runs a cell as a notebook would."""
    notebook = nbformat.v4.new_notebook()
    client = new_client(notebook, tmp_path_factory.mktemp("notebook"), timeout=120)

    def run(source: str, *tags: str, timeout: int = 120) -> None:
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
        notebook.cells.append(cell)
        client.timeout = timeout
        run_cell(client, cell, len(notebook.cells) - 1, len(notebook.cells))

    with client.setup_kernel():
        yield run


@pytest.mark.parametrize(
    "source, message",
    [
        ('let number: i32 = "text";', "mismatched types"),
        ('panic!("as asked");', "as asked"),
        ('let number: i32 = "text".parse()?;', "invalid digit"),
        ("std::process::abort();", "Subprocess terminated"),
        ('eprintln!("a message");', "a message"),
    ],
    ids=["compile error", "panic", "question mark", "killed child", "stderr"],
)
def test_a_failing_cell_fails(run_source, source, message):
    """Every way to fail is found, though the kernel answers "ok" to most; tagged as expected, it is one no more."""
    with pytest.raises(CellFailure, match=message):
        run_source(source)
    run_source(source, MUST_FAIL)


def test_a_cell_that_must_fail_and_does_not(run_source):
    """A cell that shows how a failure looks is wrong once it no longer fails."""
    with pytest.raises(CellFailure, match="did not fail"):
        run_source("1 + 1", MUST_FAIL)


def test_stderr_can_be_allowed(run_source):
    """A cell tagged allow-stderr may write messages there."""
    run_source('eprintln!("a message");', "allow-stderr")


def test_a_cell_without_end(run_source):
    """A cell that runs longer than the limit fails. The last of this kernel: it is still busy afterwards."""
    with pytest.raises(CellFailure, match="no end after 3 s"):
        run_source("loop { std::thread::sleep(std::time::Duration::from_millis(100)); }", timeout=3)


def run_script(path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "tools/run_notebook.py", *arguments, str(path)]
    cwd = os.path.dirname(os.path.dirname(__file__))
    return subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_a_notebook_with_a_panic_in_the_middle(write_notebook):
    """The run ends with a status other than 0, names the cell, and writes what it has."""
    path = write_notebook("panics", 'println!("before");', 'panic!("in the middle");', 'println!("after");')
    source = path.read_text()
    run = run_script(path)
    assert run.returncode != 0
    assert "cell [2] failed" in run.stdout and "in the middle" in run.stdout
    assert "| before" in run.stdout and "| after" not in run.stdout
    assert path.read_text() == source
    assert "in the middle" in (OUTPUT / "panics.html").read_text()


def test_a_good_notebook_outside_the_repository(write_notebook, tmp_path):
    """It runs in its own folder; with --inplace its outputs are in it, and seconds, without paths or time stamps of this machine."""
    path = write_notebook("good", 'println!("in {}", std::env::current_dir()?.display());', "40 + 2")
    run = run_script(path, "--inplace", "--force")
    assert run.returncode == 0, run.stdout
    assert f"| in {tmp_path}" in run.stdout
    executed = nbformat.read(path, as_version=4)
    assert executed.cells[1].outputs[0]["data"]["text/plain"] == "42"
    assert [cell.execution_count for cell in executed.cells] == [1, 2]
    assert set(executed.metadata) == {"kernelspec", "language_info"}
    assert all("execution" not in cell.metadata for cell in executed.cells)
    assert all(0.0 < cell.metadata["vae"]["seconds"] < 120.0 for cell in executed.cells)
    assert (OUTPUT / "good.ipynb").exists() and "42" in (OUTPUT / "good.html").read_text()


def test_a_cell_that_no_longer_prints_what_is_committed(write_notebook):
    """It fails with cell, expected and got where its metadata promises to repeat, passes without, and --inplace renews it."""
    path = write_notebook("repeats", 'println!("x = {:.3}", 0.1 + 0.2);', 'println!("y = {:.3}", 0.1 * 0.2);')
    notebook = nbformat.read(path, as_version=4)
    for cell, line in zip(notebook.cells, ["x = 7.000", "y = 0.021"]):
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=line + "\n")]
    notebook.cells[1].metadata["vae"] = {"repeats": 1e-6}
    nbformat.write(notebook, path)

    run = run_script(path)
    assert run.returncode != 0
    assert "cell [2] failed" in run.stdout and "cell [1] failed" not in run.stdout
    assert "expected: y = 0.021\ngot:      y = 0.020" in run.stdout
    assert run_script(path, "--inplace", "--force").returncode == 0
    assert nbformat.read(path, as_version=4).cells[1].metadata["vae"]["repeats"] == 1e-6
    again = run_script(path)
    assert again.returncode == 0, again.stdout


def test_a_busy_machine_is_refused(write_notebook, monkeypatch, capsys):
    """Outputs to be committed wait for an idle machine, and not for ever; the notebook is left alone."""
    path = write_notebook("busy", "40 + 2")
    source = path.read_text()
    monkeypatch.setattr(sys, "argv", ["run_notebook.py", "--inplace", str(path)])
    monkeypatch.setattr(run_notebook.os, "getloadavg", lambda: (99.0, 0.0, 0.0))
    monkeypatch.setattr(run_notebook.time, "sleep", lambda _: None)
    with pytest.raises(SystemExit, match="the load of this machine is 99.0.*--force"):
        run_notebook.main()
    assert "waiting for the load to fall" in capsys.readouterr().out and path.read_text() == source


def test_an_idle_machine_is_waited_for(monkeypatch):
    """A load that falls in time, as after the run of another page, is no reason to refuse."""
    loads = iter([99.0, 50.0, 0.1])
    monkeypatch.setattr(run_notebook.os, "getloadavg", lambda: (next(loads), 0.0, 0.0))
    monkeypatch.setattr(run_notebook.time, "sleep", lambda _: None)
    run_notebook.wait_until_idle()
    assert next(loads, None) is None
