"""Start a notebook of your own from `tools/template.ipynb`, anywhere.

Its `:dep` line is made to find `vae_core` from there: by a relative path inside this repository, so that a copy of the whole still
works, and by an absolute one elsewhere. A file that is there already is left alone.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from kernel_launcher import REPOSITORY, quoted

TEMPLATE = REPOSITORY / "tools" / "template.ipynb"
CRATE = REPOSITORY / "vae_core"
DEP = 'path = "../vae_core"'
FILES = '"my_vae"'
"""What of the template's first cell depends on where the notebook lies and what it is called."""


def crate_from(folder: Path) -> Path:
    """The path of `vae_core` for a notebook in `folder`."""
    return Path(os.path.relpath(CRATE, folder)) if folder.is_relative_to(REPOSITORY) else CRATE


def filled(path: Path) -> str:
    """The template as the notebook at `path`."""
    notebook = json.loads(TEMPLATE.read_text())
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    source = "".join(first["source"])
    for old, new in ((DEP, f"path = {quoted(crate_from(path.parent))}"), (FILES, quoted(Path(path.stem)))):
        if source.count(old) != 1:
            raise SystemExit(f"{TEMPLATE}: expected {old} once in its first code cell, found it {source.count(old)} times")
        source = source.replace(old, new)
    first["source"] = source.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path, help="where to write it, with or without .ipynb")
    given = parser.parse_args().notebook
    path = Path(os.path.abspath(given.expanduser()))
    if path.suffix != ".ipynb":
        path = path.with_name(f"{path.name}.ipynb")
    text = filled(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        print(f"{path} is there already, and stays as it is; give the new notebook another name")
        return 2
    except OSError as error:
        print(f"{path} was not written: {error.strerror}")
        return 2
    print(f'{path} is written. To open it: make lab LAB_DIR="{path.parent}"')
    return 0


if __name__ == "__main__":
    sys.exit(main())
