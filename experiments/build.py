"""Builds programs of vae_core/examples and copies them: `build.py FOLDER NAME...`.

The copies are those of one version of the sources, which FOLDER/version.json names: an experiment of many days keeps its programs
while the sources move on.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def version() -> str:
    """The commit, with a remark when something was changed since; "unknown" outside of a repository."""
    git = subprocess.run(
        ["git", "-C", REPOSITORY, "describe", "--always", "--dirty=, with changes", "--exclude=*"], text=True, capture_output=True
    )
    return git.stdout.strip() if git.returncode == 0 else "unknown"


def build(folder: Path, names: list[str]) -> None:
    examples = [word for name in names for word in ("--example", name)]
    cargo = ["cargo", "build", "--release", "--package", "vae_core", "--message-format", "json-render-diagnostics"]
    built = subprocess.run([*cargo, *examples], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit(built.returncode)
    folder.mkdir(parents=True, exist_ok=True)
    for message in map(json.loads, built.stdout.splitlines()):
        if message.get("executable") and message["target"]["name"] in names:
            shutil.copy2(message["executable"], folder / message["target"]["name"])
    (folder / "version.json").write_text(json.dumps({"sources": version()}) + "\n")


if __name__ == "__main__":
    build(Path(sys.argv[1]), sys.argv[2:])
