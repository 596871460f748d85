"""`make data` where there is no network."""

import os
import shutil
import subprocess
import sys
import time

import pytest


@pytest.mark.parametrize("arguments, status", [([], 1), (["--if-missing"], 0)], ids=["make data", "make setup"])
def test_without_a_network_the_answer_is_quick_and_clear(repository, tmp_path, arguments, status):
    """Ten seconds at most, a message that says what to do, and the set-up goes on."""
    tools = tmp_path / "tools"  # of a repository that has no data/ yet
    tools.mkdir()
    shutil.copy(repository / "tools" / "fetch_data.py", tools)
    # An address of the documentation block: nobody answers there.
    environment = dict(os.environ, HTTPS_PROXY="http://192.0.2.1:3128")
    environment.pop("VAE_CORE_DATA_DIR", None)
    start = time.monotonic()
    run = subprocess.run(
        [sys.executable, tools / "fetch_data.py", *arguments], env=environment, text=True, capture_output=True
    )
    assert time.monotonic() - start <= 10
    assert run.returncode == status
    assert "no connection to huggingface.co" in run.stdout
    assert "VAE_CORE_DATA_DIR" in run.stdout
