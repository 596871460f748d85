"""Trains a model, or goes on with a training that was stopped: `train.py PROGRAM FOLDER ARGUMENTS...`.

A stop may be anything: a killed process, a full disk, a time limit of the cluster. The program goes on from the last checkpoint
in FOLDER and ends with the numbers of a run that was never stopped. A folder whose training was given other arguments is refused:
its checkpoints are not those of this run.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path

NOTE = "run.json"  # beside the checkpoints: the arguments of this run, and the sources of the program that began it


def together(common: str, own: str) -> str:
    """The options of all runs with those of one, which count where both give the same."""
    options, option = {}, []
    for word in shlex.split(f"{common} {own}"):
        if word.startswith("--"):
            options.pop(word, None)
            option = options[word] = [word]
        else:
            option.append(word)
    return shlex.join(word for option in options.values() for word in option)


def command(program: Path, folder: Path, arguments: list[str]) -> list[str]:
    """The command that begins the training, or goes on with it."""
    note = folder / NOTE
    if (folder / "last.safetensors").exists():
        before = json.loads(note.read_text())["arguments"] if note.exists() else ["(unknown)"]
        if before != arguments:
            sys.exit(
                f"{folder} holds a training with other arguments\n"
                f"    then: {' '.join(before)}\n    now:  {' '.join(arguments)}\n"
                "give this run another name, or remove the folder and lose what is in it"
            )
        return [str(program), "--resume", str(folder)]
    sources = json.loads((program.parent / "version.json").read_text())["sources"]
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"arguments": arguments, "sources": sources}) + "\n")
    return [str(program), *arguments, "--out", str(folder)]


if __name__ == "__main__":
    program, folder, *arguments = sys.argv[1:]
    sys.exit(subprocess.run(command(Path(program), Path(folder), arguments)).returncode)
