"""Check the built site as a browser reads it: what a page loads, and what it links to, is a file of the site, anchors included.

LinkChecker, the tool for this, reads the same files in well over a minute, and does not tell a script of another host from a link to it.
"""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("image", "href")}
"""Elements that a browser fetches by itself: for these another host is an error, too."""


class Reader(HTMLParser):
    """The anchors of a page, what it links to and what it loads."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = {"", "top"}
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif tag == "a" and name == "href" and value is not None:
                self.links.append(value)
            elif (tag, name) in LOADED and value:
                self.loads.append(value)


@cache
def read(page: Path) -> Reader:
    return Reader(page.read_text())


def fault(page: Path, address: str, loaded: bool) -> str | None:
    """What is wrong with an address on `page`, if anything is."""
    parts = urlsplit(address)
    if parts.scheme == "data":
        return None
    if parts.scheme or parts.netloc:
        return "comes from another host" if loaded else None
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).anchors:
        return "no such place on that page"
    return None


def broken_links(site: Path) -> list[str]:
    """All faults of a site, a line each. The crate's documentation is rustdoc's to check (`-D warnings`): only links into it are."""
    lines = []
    for page in sorted(site.rglob("*.html")):
        if page.is_relative_to(site / "api"):
            continue
        found = [(link, False) for link in read(page).links] + [(load, True) for load in read(page).loads]
        lines += [f"{page.relative_to(site)}: {a}: {what}" for a, loaded in found if (what := fault(page, a, loaded))]
    return lines
