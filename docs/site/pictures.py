"""Figures out of notebooks: from base64 inside HTML to small files beside the page.

A figure of `vae_core` is an `<img>` whose source is an SVG in base64, with PNG pictures in base64 inside: each layer of base64
costs a third. Here the SVG becomes a file, and pictures are written anew without loss, as WebP where that is smaller. The image
says its size, so that text does not jump when it arrives; it is fetched when it comes near; and it opens at full size by a click.
"""

import base64
import hashlib
import html
import io
import re
from pathlib import Path

from PIL import Image

SVG_IMAGE = re.compile(r'<img alt="([^"]*)" style="max-width: 100%" src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)">')
PNG_INSIDE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
SVG_SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)" height="([\d.]+)"')


def smaller(png: bytes) -> tuple[str, bytes]:
    """The same pixels in fewer bytes, and the name of their format: webp, or png."""
    picture = Image.open(io.BytesIO(png))
    written = io.BytesIO()
    picture.save(written, "WEBP", lossless=True, quality=75, method=4)
    return ("webp", written.getvalue()) if written.tell() < len(png) else ("png", png)


def shrink_svg(svg: str) -> str:
    """An SVG whose embedded pictures are small."""

    def shrink(match: re.Match) -> str:
        kind, data = smaller(base64.b64decode(match[1]))
        return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"

    return PNG_INSIDE.sub(shrink, svg)


class Figures:
    """The figures of a page: writes them to `folder`, which the page reaches as `address`."""

    def __init__(self, folder: Path, address: str):
        self.folder, self.address = folder, address

    def keep(self, data: bytes, kind: str) -> str:
        """Write a file named by its content; return its address."""
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.{kind}"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)
        return f"{self.address}/{name}"

    def element(self, address: str, alt: str, width: float, height: float) -> str:
        size = f'width="{width:.0f}" height="{height:.0f}"'
        return f'<a class="figure" href="{address}"><img alt="{alt}" src="{address}" {size} loading="lazy"></a>'

    def of_svg(self, match: re.Match) -> str:
        svg = base64.b64decode(match[2]).decode()
        width, height = map(float, SVG_SIZE.search(svg).groups())
        return self.element(self.keep(shrink_svg(svg).encode(), "svg"), match[1], width, height)

    def in_html(self, text: str) -> str:
        """HTML whose figures are files."""
        return SVG_IMAGE.sub(self.of_svg, text)

    def of_png(self, encoded: str, alt: str) -> str:
        """A picture as an element; it stands for itself and has no card around it."""
        png = base64.b64decode(encoded)
        kind, data = smaller(png)
        width, height = Image.open(io.BytesIO(png)).size
        return self.element(self.keep(data, kind), html.escape(alt), width, height)
