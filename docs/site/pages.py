"""Lay out the pages of the site: the repository's own, under their own paths, so that links between them hold as they are.

    README.md                  → index.md, the front page, with the contents of the site behind it, and live what is a picture there
    notebooks/*.ipynb          → the same, figures as files (see pictures.py)
    docs/*.md, CONTRIBUTING.md → the same
    vae_core/README.md         → the same, with a link to the crate's documentation, which `build.py` puts under api/

A link to any other file or folder of the repository gets a page that shows it, under sources/. A link to nothing is left as it is;
Sphinx then fails.
"""

import os
import posixpath
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import nbformat
from markdown_it import MarkdownIt
from pictures import Figures
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound

REPOSITORY = Path(__file__).resolve().parent.parent.parent
FRONT, FRONT_PAGE = "README.md", "index.md"
CRATE = "vae_core/README.md"
FIGURES = "figures"
# A picture on the front page, and the page on which it is live.
EXPLORER, LIVE_ON = "docs/explorer.gif", "notebooks/03_mlp_vae.ipynb"
API_LINK = '\n<a href="../api/vae_core/index.html">Documentation of every item</a>\n'


def is_page(path: str) -> bool:
    """Whether a file of the repository is a page of the site."""
    folder, name = posixpath.split(path)
    if path in (FRONT, CRATE, "CONTRIBUTING.md"):
        return True
    return (folder == "docs" and name.endswith(".md")) or (folder == "notebooks" and name.endswith(".ipynb"))


def hrefs(markdown: str) -> set[str]:
    """The targets of the links of a text, as they are written there."""
    inline = (token for token in MarkdownIt("gfm-like", {"linkify": False}).parse(markdown) if token.children)
    return {child.attrs["href"] for token in inline for child in token.children if child.type == "link_open"}


class Pages:
    """The folder of pages that Sphinx reads, the site that it writes, and what the pages point to."""

    def __init__(self, folder: Path, site: Path):
        self.folder, self.site = folder, site
        self.shown: set[str] = set()  # files and folders of the repository that some page links to

    def target(self, href: str, page: str) -> str:
        """Where a link of `page` leads on the site: the same place, unless it is the front page or a source."""
        if re.match(r"[a-z][a-z0-9+.-]*:|#", href):
            return href
        path, anchor, fragment = href.partition("#")
        origin = posixpath.dirname(page)
        path = posixpath.normpath(posixpath.join(origin, unquote(path)))
        if is_page(path):
            name = FRONT_PAGE if path == FRONT else path
        elif not path.startswith("..") and (REPOSITORY / path).exists():
            self.shown.add(path)
            name = source_page(path)
        else:
            return href
        return posixpath.relpath(name, origin or ".") + anchor + fragment

    def with_links(self, markdown: str, page: str) -> str:
        """`markdown` with links for the site."""
        for href in hrefs(markdown):
            markdown = markdown.replace(f"]({href})", f"]({self.target(href, page)})")
        return markdown

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def add_markdown(self, page: str, name: str, behind: str = "") -> None:
        self.write(name, self.with_links((REPOSITORY / page).read_text(), page) + behind)

    def add_front(self, menu: str) -> None:
        """README with the explorer itself in the place of its picture."""
        self.add_markdown(FRONT, FRONT_PAGE, menu)
        text, explorer = (self.folder / FRONT_PAGE).read_text(), live_explorer()
        text = re.sub(rf"^!\[[^\]]*\]\({re.escape(EXPLORER)}\)$", lambda _: explorer, text, flags=re.MULTILINE)
        self.write(FRONT_PAGE, text)

    def add_notebook(self, page: str) -> None:
        """A notebook with links for the site and its figures as files."""
        notebook = nbformat.read(REPOSITORY / page, as_version=4)
        figures = Figures(self.site / FIGURES, posixpath.relpath(FIGURES, posixpath.dirname(page)))
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = self.with_links(cell.source, page)
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                if "image/png" in data and "text/html" not in data:
                    data["text/html"] = figures.of_png(data.pop("image/png"), "the picture that the cell above draws")
                elif "text/html" in data:
                    data["text/html"] = figures.in_html(data["text/html"])
        self.write(page, nbformat.writes(notebook))

    def add_sources(self) -> None:
        """A page for each file or folder that was linked to. A folder's page shows its files."""
        for path in sorted(self.shown):
            source = REPOSITORY / path
            files = sorted(f for f in source.rglob("*") if f.is_file()) if source.is_dir() else [source]
            blocks = [f"## {f.relative_to(source)}\n\n{code_block(f)}" if source.is_dir() else code_block(f) for f in files]
            self.write(source_page(path), "\n\n".join(["---\norphan: true\nnosearch: true\n---", f"# {path}", *blocks]) + "\n")


def source_page(path: str) -> str:
    """The page that shows a file or folder of the repository."""
    return f"sources/{path}.md"


def code_block(file: Path) -> str:
    try:
        language = get_lexer_for_filename(file.name).aliases[0]
    except ClassNotFound:
        language = "text"
    text = file.read_text().rstrip("\n")
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def live_explorer() -> str:
    """The explorer that a notebook shows, as HTML in a page of text."""
    cells = nbformat.read(REPOSITORY / LIVE_ON, as_version=4).cells
    shown = (output.get("data", {}).get("text/html", "") for cell in cells for output in cell.get("outputs", []))
    return "``````{raw} html\n" + next(html for html in shown if 'class="vae-explorer"' in html) + "\n``````"


def contents(caption: str, names: list[str]) -> str:
    """A table of contents, shown beside each page."""
    entries = "\n".join(name.removesuffix(".md").removesuffix(".ipynb") for name in names)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"


def lay_out(folder: Path, site: Path, api: bool) -> None:
    """Write all pages into `folder` and their figures into `site`, with a link to the crate's documentation if it is there."""
    pages = Pages(folder, site)
    notebooks = sorted(f"notebooks/{f.name}" for f in (REPOSITORY / "notebooks").glob("*.ipynb"))
    docs = sorted(f"docs/{f.name}" for f in (REPOSITORY / "docs").glob("*.md"))
    for page in notebooks:
        pages.add_notebook(page)
    for page in [*docs, "CONTRIBUTING.md"]:
        pages.add_markdown(page, page)
    for place in ("docs", "notebooks/images"):
        (folder / place).mkdir(exist_ok=True)
        for picture in (REPOSITORY / place).glob("*.*"):
            if picture.suffix in (".svg", ".png", ".gif", ".webp"):
                shutil.copy2(picture, folder / place)
    pages.add_markdown(CRATE, CRATE, API_LINK if api else "")
    menu = contents("The course", notebooks) + contents("Beside the course", [CRATE, *docs, "CONTRIBUTING.md"])
    pages.add_front(menu)
    pages.add_sources()
