"""Build the course as a static site: notebooks as they were committed, the pages of docs/, the crate's documentation.

    docs/site/build.py SITE [--api FOLDER]

SITE is written anew. Nothing is run, and nothing on the site comes from another host. A link that leads nowhere is an error.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from links import broken_links
from pages import lay_out
from weights import weights

HERE = Path(__file__).resolve().parent
WORK = HERE.parent.parent / "target" / "site"


def run_sphinx(source: Path, site: Path) -> None:
    """Make HTML; a warning of Sphinx, such as a link to nothing, is an error."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "--nitpicky", "--fail-on-warning", "--keep-going"]
    command += ["--conf-dir", HERE, "--doctree-dir", WORK / "doctrees", "--builder", "html", source, site]
    if subprocess.run(command).returncode != 0:
        raise SystemExit("the site was not built: Sphinx names the places above")
    drop_unused(site / "_static")


def drop_unused(static: Path) -> None:
    """Remove what the theme and MathJax bring along for others: templates, source maps, and MathJax's other bundles and outputs."""
    mathjax = static / "mathjax"
    bundles = [file for file in mathjax.glob("*.js") if file.name != "tex-chtml.js"]
    for file in [*bundles, *mathjax.glob("output/svg*"), *static.glob("*macros.html"), *static.rglob("*.map")]:
        shutil.rmtree(file) if file.is_dir() else file.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, help="folder to write, emptied first")
    parser.add_argument("--api", type=Path, help="what `cargo doc` wrote; without it the site has none")
    arguments = parser.parse_args()
    site, source = arguments.site.resolve(), WORK / "source"
    for folder in (site, source):
        shutil.rmtree(folder, ignore_errors=True)
    lay_out(source, site, api=arguments.api is not None)
    run_sphinx(source, site)
    if arguments.api:
        shutil.copytree(arguments.api, site / "api", ignore=shutil.ignore_patterns(".lock"))
    if broken := broken_links(site):
        raise SystemExit("links that lead nowhere:\n" + "\n".join(broken))
    for page, own, whole in weights(site):
        print(f"{page:<24} {own / 1e3:5.0f} kB, with its figures {whole / 1e3:5.0f} kB")
    print(f"the site is in {arguments.site}: open {arguments.site}/index.html, or {sys.executable} -m http.server -d {arguments.site}")


if __name__ == "__main__":
    main()
