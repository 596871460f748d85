"""The animated picture of the explorer on the README: a browser moves over a trained page, and what it shows is kept.

    cargo run --release -p vae_core --example explorer -- --data mnist --epochs 20 --hidden 256 --only mlp \\
        --title "Two numbers, decoded in your browser" --out target/explorer
    .venv/bin/python -m pip install pillow
    .venv/bin/python tools/explorer_picture.py target/explorer/mlp.html docs/explorer.gif
"""

import io
import math
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

# In CSS pixels; the picture is SCALE times as large.
WIDTH, HEIGHT = 964, 900
SCALE = 0.8
MILLISECONDS = 100
MOST_BYTES = 2_000_000
COLOURS = 255


def smooth(a: tuple[float, float], b: tuple[float, float], steps: int):
    """From a to b, slowly at both ends."""
    for i in range(1, steps + 1):
        share = (1 - math.cos(math.pi * i / steps)) / 2
        yield a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


class Camera:
    """What a page looks like while somebody uses it."""

    def __init__(self, page: Page):
        self.page = page
        self.frames: list[Image.Image] = []
        self.waits: list[int] = []
        box = page.locator(".plane").bounding_box()
        self.middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.unit = box["width"] / (2 * page.evaluate("document.querySelector('.vae-explorer').explorer.reach"))
        self.at = (0.0, 0.0)

    def keep(self, wait: int = MILLISECONDS) -> None:
        self.page.wait_for_timeout(40)
        shot = self.page.screenshot()
        self.frames.append(Image.open(io.BytesIO(shot)).convert("RGB"))
        self.waits.append(wait)

    def place(self, z: tuple[float, float]) -> tuple[float, float]:
        return self.middle[0] + z[0] * self.unit, self.middle[1] - z[1] * self.unit

    def move(self, z: tuple[float, float], steps: int) -> None:
        for place in smooth(self.at, z, steps):
            self.page.mouse.move(*self.place(place))
            self.keep()
        self.at = z

    def pin(self) -> None:
        self.page.mouse.click(*self.place(self.at))
        self.keep(400)

    def draw(self, points: list[tuple[float, float]]) -> None:
        """Points in shares of the pad's side."""
        pad = self.page.locator(".pad").bounding_box()
        on = lambda x, y: (pad["x"] + x * pad["width"], pad["y"] + y * pad["height"])
        self.page.mouse.move(*on(*points[0]))
        self.page.mouse.down()
        for a, b in zip(points, points[1:]):
            for place in list(smooth(a, b, 4)):
                self.page.mouse.move(*on(*place))
            self.keep()
        self.page.mouse.up()
        self.keep(1500)


def film(page: Page) -> Camera:
    """Over the plane, two pins with the walk between them, and a drawn three."""
    camera = Camera(page)
    camera.keep(500)
    for z, steps in [((-1.8, 0.6), 7), ((-0.6, 2.2), 6), ((1.8, -2.0), 9), ((-1.0, -2.0), 7)]:
        camera.move(z, steps)
    camera.pin()
    camera.move((1.4, 1.4), 7)
    camera.pin()
    for share in [i / 10 for i in range(10, -1, -1)]:
        slider = page.get_by_label("from A to B")
        slider.fill(f"{share:.2f}")
        camera.keep()
    three = [(0.30, 0.25), (0.5, 0.16), (0.68, 0.28), (0.62, 0.42), (0.45, 0.48), (0.64, 0.54), (0.70, 0.70), (0.5, 0.84), (0.28, 0.76)]
    camera.draw(three)
    return camera


def main(page_path: str, out: str) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE)
        page.goto(Path(page_path).resolve().as_uri())
        page.wait_for_selector(".vae-explorer[data-ready=yes]")
        page.wait_for_timeout(300)
        camera = film(page)
        browser.close()
    # One palette for all, so that what stays is the same bytes.
    palette = camera.frames[-1].quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)
    first, *rest = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in camera.frames]
    first.save(out, save_all=True, append_images=rest, duration=camera.waits, loop=0, optimize=True)
    size = Path(out).stat().st_size
    print(f"{out}: {len(camera.frames)} frames, {size / 1e6:.2f} MB")
    if size > MOST_BYTES:
        sys.exit(f"expected at most {MOST_BYTES / 1e6} MB: keep fewer frames or colours")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
