"""Run what takes minutes with a sign of life: how much is done, and for how long it has been running.

    progress.py NAME LOG COMMAND...

cargo's own count of crates is shown, and pip's packages. On a terminal one line is written over and over; elsewhere a line comes
every half minute. What a command prints goes to its log, and the end of that is shown when the command fails. Several commands may
run at once (`run`). Only the standard library is used: this also runs before there is an environment.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CRATES = re.compile(r"Building \[[=> ]*\] (\d+)/(\d+)")
MOVING = re.compile(r"^\s*\w+ \[[=> ]*\] ")
PACKAGES = re.compile(r"^(?:Collecting|Requirement already satisfied:) ", re.MULTILINE)
COUNT_OF_CARGO = {"CARGO_TERM_PROGRESS_WHEN": "always", "CARGO_TERM_PROGRESS_WIDTH": "80"}
QUIET_SECONDS = 30
"""Between two lines where there is no terminal."""


@dataclass
class Command:
    """A command that takes a while, and how far it is."""

    name: str
    argv: list
    log: Path
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    done: str = ""

    def start(self) -> None:
        environment = os.environ | COUNT_OF_CARGO | self.environment
        self.process = subprocess.Popen(
            self.argv, cwd=self.cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.reader = threading.Thread(target=self.follow, daemon=True)
        self.reader.start()

    def follow(self) -> None:
        """Keep what the command prints, and the last count in it."""
        packages, begun = 0, ""
        with self.log.open("wb") as log:
            while chunk := os.read(self.process.stdout.fileno(), 65536):
                log.write(chunk)
                text = chunk.decode(errors="replace")
                # A line may come in pieces.
                *lines, begun = (begun + text).split("\n")
                packages += len(PACKAGES.findall("\n".join(lines)))
                if counts := CRATES.findall(text):
                    self.done = " {} of {} crates".format(*counts[-1])
                elif packages:
                    self.done = f" {packages} packages"

    def end_of_log(self) -> str:
        lines = re.split(r"[\r\n]+", self.log.read_text(errors="replace"))
        return "\n".join([line for line in lines if line.strip() and not MOVING.search(line)][-20:])


def minutes(seconds: float) -> str:
    return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s" if seconds >= 60 else f"{seconds:.0f} s"


def show(commands: list[Command], started: float, terminal: bool) -> None:
    running = [command for command in commands if command.process.poll() is None]
    line = f"       {', '.join(command.name + command.done for command in running)}; {minutes(time.monotonic() - started)}"
    print(f"\r\x1b[K{line[:100]}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)


def run(commands: list[Command]) -> None:
    """Run commands at once, and say how far they are. One that fails ends the others, and the program with its message."""
    started, terminal = time.monotonic(), sys.stderr.isatty()
    for command in commands:
        command.start()
    shown = started
    while any(command.process.poll() is None for command in commands):
        if any(command.process.poll() for command in commands):
            break
        time.sleep(0.2)
        if terminal or time.monotonic() - shown > QUIET_SECONDS:
            show(commands, started, terminal)
            shown = time.monotonic()
    if terminal:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    failed = [command for command in commands if command.process.poll()]
    for command in commands:
        if failed:
            command.process.terminate()
        command.process.wait()
        command.reader.join()
    for command in failed:
        line = " ".join(map(str, command.argv))
        raise SystemExit(f"{line} failed; the end of {command.log}:\n{command.end_of_log()}")
    names = " and ".join(command.name for command in commands)
    print(f"       {names}: done in {minutes(time.monotonic() - started)}", file=sys.stderr)


def main() -> None:
    if len(sys.argv) < 4:
        raise SystemExit("usage: progress.py NAME LOG COMMAND...")
    name, log, *argv = sys.argv[1:]
    run([Command(name, argv, Path(log))])


if __name__ == "__main__":
    main()
