"""The workflow of `make experiments`: its tables, its runs that go on where they were stopped, and the whole on a tiny set."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

EXPERIMENTS = Path(__file__).resolve().parent.parent / "experiments"
sys.path.insert(0, str(EXPERIMENTS))
import tables  # noqa: E402
from train import together  # noqa: E402


def test_mean_and_standard_error():
    """The numbers of the formula; one number has no error of its own, and none, or one that is not finite, is refused."""
    mean, error = tables.mean_error([0.1, 0.2, 0.3])
    assert mean == pytest.approx(0.2) and error == pytest.approx(0.1 / math.sqrt(3))
    assert tables.mean_error([2.0]) == (2.0, None)
    for numbers in ([], [1.0, math.nan], [1.0, math.inf]):
        with pytest.raises(ValueError, match="expected one finite number or more"):
            tables.mean_error(numbers)


def test_cells_say_what_their_error_is_over():
    """Seeds where there are several, else images, else no error at all."""
    assert tables.cell([1.0, 3.0], 2, 0.5) == {"mean": 2.0, "error": 1.0, "over": "seeds", "text": "2.00 ± 1.00"}
    assert tables.cell([2.0], 1, 0.5) == {"mean": 2.0, "error": 0.5, "over": "images", "text": "2.0 ± 0.5"}
    assert tables.cell([2.0], 1) == {"mean": 2.0, "text": "2.0"}


def test_a_run_has_the_last_word():
    """An option of all runs is replaced by the run's own, with all of its words, and flags and quotes stay what they are."""
    common = "--binarize --epochs 100 --hidden 200,200 --data 'my pictures'"
    assert together(common, "--epochs 20 --beta -1") == "--binarize --hidden 200,200 --data 'my pictures' --epochs 20 --beta -1"
    assert together("", "") == "" and together("--binarize", "--binarize") == "--binarize"


def seed_folder(folder: Path, **files) -> None:
    """A training of 90 seconds with these files of results."""
    folder.mkdir(parents=True)
    history = {"epochs": [{"seconds": 30.0, "watched": 100.0}, {"seconds": 60.0, "watched": 90.0}]}
    files |= {"history": history, "run": {"arguments": [], "sources": "abc"}}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def test_table_of_likelihoods(tmp_path):
    """A row a run in the order of the set, with published values beside, as JSON with each seed and as Markdown that says which rule
    made it."""
    for run, nlls in {"iwae": [85.0, 86.0], "vae": [87.0, 88.0]}.items():
        for seed, nll in enumerate(nlls, 1):
            measured = {"nll": {"mean": nll, "error": 0.1}, "elbo": {"mean": -nll - 4, "error": 0.1}, "ess": {"0.5": 30.0}}
            measured |= {"active_units": 18, "log_prob": [-nll - 9, -nll + 9]}
            seed_folder(tmp_path / run / str(seed), nll=measured)
    section = {"seeds": [1, 2], "runs": {"vae": {"label": "VAE", "published": "86.76"}, "iwae": {"epoch_seconds": 6.0}}}
    rows = tables.likelihood(section, tmp_path)
    output = SimpleNamespace(json=tmp_path / "table.json", md=tmp_path / "table.md")
    tables.write("likelihood", "small", rows, "model", output)
    lines, written = output.md.read_text().splitlines(), json.loads(output.json.read_text())
    assert lines[0] == "| model | −log p(x) | gain on the first | ELBO | active units | minutes | published |"
    assert lines[2:4] == [
        "| VAE | 87.50 ± 0.50 |  | -91.50 ± 0.50 | 18.0 ± 0.0 | 1.5 ± 0.0 | 86.76 |",
        "| iwae | 85.50 ± 0.50 | 2.00 ± 0.00 | -89.50 ± 0.50 | 18.0 ± 0.0 | 0.2 ± 0.0 |  |",
    ]
    assert [seed.get("gain_error") for seed in written["rows"][1]["seeds"]] == [0.0, 0.0]  # image by image
    assert "over 2 seeds" in lines[5] and "the rule `likelihood`" in lines[5] and "SET=small`, sources abc." in lines[5]
    assert [seed["nll"] for seed in written["rows"][0]["seeds"]] == [87.0, 88.0]
    curves = [[(at["minutes"], at["watched"]) for at in row["seeds"][0]["curve"]] for row in written["rows"]]
    assert curves == [[(0.5, 100.0), (1.5, 90.0)], [(0.1, 100.0), (0.2, 90.0)]]  # the second as on an idle machine


def test_table_of_anomalies(tmp_path):
    """Below the runs their mean, whose error is that of the seeds' means and not of all numbers; one seed has the error over images."""
    for run, aurocs in {"digit-0": [0.9, 0.8], "digit-1": [0.7, 0.8]}.items():
        for seed, auroc in enumerate(aurocs, 1):
            of = {"auroc": auroc, "low": auroc - 0.0196, "high": auroc + 0.0196, "average_precision": auroc / 2, "caught": 0.5, "chosen_on": 1}
            scores = [{"score": score, **of, "average_precision_error": 0.02} for score in tables.SCORES]
            seed_folder(tmp_path / run / str(seed), anomaly={"scores": scores})
    rows = tables.anomaly({"seeds": [1, 2], "runs": {"digit-0": {}, "digit-1": {}}}, tmp_path)
    assert [row["cells"]["KL"]["text"] for row in rows] == ["0.850 ± 0.050", "0.750 ± 0.050", "0.800 ± 0.000"]
    assert rows[2]["cells"]["KL, AP"]["text"] == "0.400 ± 0.000" and "KL, AP" not in tables.markdown(rows, "normal")
    grouped = {"digit-0": {"group": "a"}, "digit-1": {"group": "b"}}
    rows = tables.anomaly({"seeds": [1, 2], "runs": grouped}, tmp_path)
    assert [(row["label"], row["group"]) for row in rows] == [("digit-0", "a"), ("digit-1", "b")]
    rows = tables.anomaly({"seeds": [1], "runs": {"digit-0": {}}}, tmp_path)
    assert rows[0]["cells"]["KL, AP"]["text"] == "0.450 ± 0.020"
    assert [row["cells"]["KL"]["text"] for row in rows] == ["0.900 ± 0.010"] and tables.legend(rows).endswith("over images. ")


@pytest.fixture
def train(tmp_path):
    """experiments/train.py with a program that writes down what it was called with."""
    program = tmp_path / "train"
    program.write_text('#!/bin/sh\ncd "$(dirname "$0")"\necho "$@" >> calls\ntouch run/arguments.json run/last.safetensors\n')
    program.chmod(0o755)
    (tmp_path / "version.json").write_text('{"sources": "abc"}')

    def call(*arguments):
        command = [sys.executable, EXPERIMENTS / "train.py", program, tmp_path / "run", *arguments]
        return subprocess.run(command, text=True, capture_output=True)

    return call


def test_a_training_begins_once_and_then_goes_on(train, tmp_path):
    """The second call resumes, and one with other arguments is refused with both."""
    for _ in range(2):
        assert train("--epochs", "3", "--seed", "1").returncode == 0
    folder = tmp_path / "run"
    assert (tmp_path / "calls").read_text().splitlines() == [f"--epochs 3 --seed 1 --out {folder}", f"--resume {folder}"]
    refused = train("--epochs", "4", "--seed", "1")
    assert refused.returncode != 0
    assert "then: --epochs 3 --seed 1" in refused.stderr and "now:  --epochs 4 --seed 1" in refused.stderr
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_a_training_that_was_stopped_before_its_first_checkpoint_begins_anew(train, tmp_path):
    """With a folder and notes but no checkpoint there is nothing to go on with, and nothing that other arguments would spoil."""
    train("--epochs", "3")
    (tmp_path / "run" / "last.safetensors").unlink()
    assert train("--epochs", "4").returncode == 0
    assert (tmp_path / "calls").read_text().splitlines()[-1] == f"--epochs 4 --out {tmp_path / 'run'}"


# --- the whole workflow ---

needs_workflow = pytest.mark.skipif(
    not (EXPERIMENTS.parent / "target/experiments/packages").exists() or bool(os.environ.get("VAE_CORE_CUDA")),
    reason="`make experiments ARGS=--version` first; the workflow builds for the CPU",
)


def start(repository: Path, out: Path) -> subprocess.Popen:
    """`make experiments SET=tiny` in a folder of its own."""
    drop = ("MAKEFLAGS", "MAKELEVEL", "VAE_FAST")
    environment = {name: value for name, value in os.environ.items() if name not in drop} | {"VAE_CORE_DEVICE": "cpu"}
    return subprocess.Popen(
        ["make", "experiments", "SET=tiny", f"OUT={out}"],
        cwd=repository,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def finish(process: subprocess.Popen) -> str:
    text, _ = process.communicate(timeout=600)
    assert process.returncode == 0, text
    return text


def timeless(value):
    """Without what the clock wrote."""
    if isinstance(value, dict):
        return {name: timeless(item) for name, item in value.items() if name not in ("seconds", "minutes", "sources", "made")}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def results(out: Path) -> dict:
    return {path.name: timeless(json.loads(path.read_text())) for path in sorted((out / "tables").glob("*.json"))}


def training(out: Path) -> int:
    """Waits for a training that has written a checkpoint and goes on, and returns its process."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                program, *words = (process / "cmdline").read_text().split("\0")[:-1]
                ours = program == "programs/train" and (process / "cwd").resolve() == out.resolve()
                if ours and (out / words[-1] / "last.safetensors").exists():
                    return int(process.name)
            except (OSError, ValueError):
                pass  # it has ended
        time.sleep(0.01)
    raise TimeoutError("no training has written a checkpoint")


@needs_workflow
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the training in /proc")
def test_killed_half_way_and_run_again(repository, tmp_path):
    """First all processes are killed, then a training alone: each time, what comes next goes on from the checkpoints, and in the end
    the numbers are those of a workflow that nobody disturbed. Once more, and there is nothing to do."""
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    finish(start(repository, undisturbed))
    assert len(results(undisturbed)) == 4

    shutil.copytree(undisturbed / "programs", disturbed / "programs")
    workflow = start(repository, disturbed)
    training(disturbed)
    os.killpg(workflow.pid, signal.SIGKILL)
    workflow.communicate()
    workflow = start(repository, disturbed)
    os.kill(training(disturbed), signal.SIGKILL)
    text, _ = workflow.communicate(timeout=600)
    assert workflow.returncode != 0 and "Error in rule train" in text, text
    finish(start(repository, disturbed))
    logs = "".join(path.read_text() for path in disturbed.glob("*/*/*/train.log"))
    assert "resuming after epoch" in logs, logs
    assert results(disturbed) == results(undisturbed)

    before = {path: path.stat().st_mtime_ns for path in disturbed.glob("[a-z]*/**/*")}
    assert "Nothing to be done" in finish(start(repository, disturbed))
    assert before == {path: path.stat().st_mtime_ns for path in disturbed.glob("[a-z]*/**/*")}
