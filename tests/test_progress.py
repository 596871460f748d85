"""Long commands of the set-up: their signs of life, and what is said when they fail."""

import sys

import pytest
from progress import Command, run

CARGO = r"""import sys, time
for n in (1, 250):
    sys.stderr.write(f"\r    Building [=>   ] {n}/336: syn, serde"); sys.stderr.flush(); time.sleep(0.3)
print("\n   Compiling syn v2.0.1")
"""


def python(name: str, source: str, folder) -> Command:
    return Command(name, [sys.executable, "-c", source], folder / f"{name}.log")


def test_counts_of_cargo_and_pip_are_shown(tmp_path, monkeypatch, capfd):
    """Two commands at once: cargo's last count and the number of pip's packages stand in one line, with the time."""
    monkeypatch.setattr("progress.QUIET_SECONDS", 0.4)
    pip = "import time\nfor name in 'abc': print('Collecting', name, flush=True)\ntime.sleep(5)"
    run([python("kernel", CARGO + "time.sleep(5)", tmp_path), python("pip", pip, tmp_path)])
    told = capfd.readouterr().err
    assert "kernel 250 of 336 crates, pip 3 packages; " in told
    assert told.splitlines()[-1].startswith("       kernel and pip: done in ")


def test_a_failure_shows_the_end_of_the_log_and_ends_the_others(tmp_path):
    """A command that fails ends the program with its last lines, without the moving counts, and does not wait for the other."""
    failing = python("fails", CARGO + "print('error: no space left'); sys.exit(101)", tmp_path)
    other = python("other", "import time; time.sleep(60)", tmp_path)
    with pytest.raises(SystemExit) as ended:
        run([failing, other])
    assert "error: no space left" in str(ended.value) and "Building [" not in str(ended.value).split("the end of")[1]
    assert other.process.poll() is not None
