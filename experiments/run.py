"""Becomes Snakemake in a folder that no other run works in: `run.py FOLDER ARGUMENTS...`.

Snakemake's own lock outlives a process that was killed, and then has to be removed by hand. The system's lock ends with the process
that holds it.
"""

import fcntl
import os
import sys
from pathlib import Path

folder, *arguments = sys.argv[1:]
Path(folder).mkdir(parents=True, exist_ok=True)
lock = os.open(Path(folder) / "workflow.lock", os.O_CREAT | os.O_RDWR)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(f"another `make experiments` works in {folder}: wait for it, or choose another folder with OUT=")
os.set_inheritable(lock, True)
snakemake = Path(sys.executable).with_name("snakemake")
os.execv(snakemake, [str(snakemake), "--directory", folder, "--nolock", *arguments])
