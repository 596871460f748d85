"""How much a reader fetches for a page of the course."""

import gzip
import re
from pathlib import Path


def weights(site: Path) -> list[tuple[str, int, int]]:
    """Of each notebook's page: its name, and its bytes without and with its figures, as a server sends them (gzip)."""
    lines = []
    for page in sorted(site.glob("notebooks/*.html")):
        text = page.read_bytes()
        pictures = {page.parent / address for address in re.findall(r'<img [^>]*src="([^":]+)"', text.decode())}
        own = len(gzip.compress(text))
        lines.append((page.stem, own, own + sum(len(gzip.compress(picture.read_bytes())) for picture in pictures)))
    return lines
