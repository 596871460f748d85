"""Files that other tools read: GitHub's workflows, the Dockerfile, the dev container, Binder."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))


def without_comments(text: str) -> str:
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def check_schema(schema: str, *files: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files]
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("schema, files", [
    ("vendor.github-workflows", WORKFLOWS),
    ("vendor.github-actions", [REPOSITORY / ".github" / "actions" / "rust-notebooks" / "action.yml"]),
])
def test_github_understands_them(schema, files):
    """Workflows and action follow GitHub's schemas."""
    assert files
    check_schema(schema, *files)


def test_dockerfile_is_clean():
    """hadolint has nothing to say about the Dockerfile."""
    hadolint = Path(sys.prefix, "bin", "hadolint")
    done = subprocess.run([hadolint, "Dockerfile"], cwd=REPOSITORY, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout


def test_the_dev_container_is_a_stage_of_the_dockerfile():
    """devcontainer.json builds a stage that the Dockerfile has, as a user that it makes."""
    container = json.loads(without_comments((REPOSITORY / ".devcontainer" / "devcontainer.json").read_text()))
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    build = container["build"]
    assert (REPOSITORY / ".devcontainer" / build["dockerfile"]).resolve() == REPOSITORY / "Dockerfile"
    assert (REPOSITORY / ".devcontainer" / build["context"]).resolve() == REPOSITORY
    assert re.search(rf"^FROM .* AS {build['target']}$", dockerfile, re.MULTILINE)
    assert re.search(rf"^.*useradd .* {container['remoteUser']}$", dockerfile, re.MULTILINE)


def test_commands_exist():
    """Each `make` target that these files call is one of the Makefile."""
    files = [*WORKFLOWS, REPOSITORY / "Dockerfile", REPOSITORY / ".devcontainer" / "devcontainer.json", REPOSITORY / "binder" / "postBuild"]
    command = r'^(?:RUN |.*run: |.*Command": "|CMD \["|)make(?: |", ")([a-z-]+)'
    called = {target for file in files for target in re.findall(command, file.read_text(), re.MULTILINE)}
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert {"setup", "kernel", "html", "new", "lab"} <= called
    assert called - targets == set()


def test_post_build_is_a_program():
    """Binder runs postBuild as it is, so it has to be executable and valid shell."""
    script = REPOSITORY / "binder" / "postBuild"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", script]).returncode == 0
