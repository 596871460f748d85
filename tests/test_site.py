"""The site of `make html` in a real browser, from a server on this machine and with every other address blocked."""

import contextlib
import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from browser import chromium, keep_screenshot, needs_chromium

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "docs" / "site"))
from links import broken_links  # noqa: E402
from weights import weights  # noqa: E402

SITE = REPOSITORY / "target" / "html"
NOTEBOOKS = sorted(path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
PHONE, DESKTOP = (390, 844), (1280, 900)
# Seen at both widths, light and dark; the other pages at phone width only.
LOOKED_AT = ["index", "notebooks/00_start_here", "notebooks/03_mlp_vae", "notebooks/09_likelihood", "docs/errors"]
# A page with its figures, as a server sends it; an explorer carries its networks along. What all pages share is fetched once.
HEAVIEST_PAGE = 2_000_000


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    """`make html`, served: the address of the site."""
    made = subprocess.run(
        ["make", "html", f"PYTHON={sys.executable}"], cwd=REPOSITORY, text=True, capture_output=True, env=dict(os.environ)
    )
    assert made.returncode == 0, made.stdout + made.stderr
    handler = functools.partial(Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@contextlib.contextmanager
def opened(browser, site: str, path: str, size=DESKTOP, scheme="light"):
    """A page of the site, its formulas typeset. When it is closed, nothing may have failed or been asked of another host."""
    context = browser.new_context(viewport=dict(zip(("width", "height"), size)), color_scheme=scheme)
    page, wrong = context.new_page(), []

    def only_the_site(route):
        if route.request.url.startswith((site, "data:")):
            route.continue_()
        else:
            wrong.append(f"asks for {route.request.url}")
            route.abort()

    page.route("**/*", only_the_site)
    page.on("response", lambda response: response.status < 400 or wrong.append(f"{response.status} {response.url}"))
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.goto(f"{site}/{path}.html")
    page.wait_for_function("!document.querySelector('script[src*=mathjax]') || window.MathJax?.startup?.promise")
    page.evaluate("window.MathJax?.startup?.promise")
    yield page
    assert wrong == []
    context.close()


def faults(page) -> list[str]:
    """What a reader would see go wrong on a page: formulas left as text or in error, pictures missing, a page too wide."""
    found = page.evaluate("""async () => {
        const found = [];
        const pictures = [...document.querySelectorAll("article img")];
        pictures.forEach(picture => picture.loading = "eager");
        await Promise.all(pictures.map(picture => picture.decode().catch(() => found.push("no picture: " + picture.src))));
        document.querySelectorAll("mjx-merror").forEach(e => found.push("formula: " + e.innerText));
        document.querySelectorAll(".math:not(:has(mjx-container))").forEach(e => found.push("not typeset: " + e.innerText));
        const {scrollWidth, clientWidth} = document.documentElement;
        if (scrollWidth > clientWidth) found.push(`${scrollWidth} pixels wide in a window of ${clientWidth}`);
        return found;
    }""")
    text = page.evaluate("""() => {
        const article = document.querySelector("article").cloneNode(true);
        article.querySelectorAll("pre, code, mjx-container").forEach(e => e.remove());
        return article.textContent;
    }""")
    return found + re.findall(r"\$[^$\n]*\\[a-z]+[^$\n]*", text)


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("path", LOOKED_AT)
def test_reads_well(browser, site, path, size, scheme):
    """Formulas and pictures are there, nothing is wider than the window, and the page follows the reader's light or dark."""
    with opened(browser, site, path, size, scheme) as page:
        assert page.locator("html").get_attribute("data-theme") == scheme
        assert faults(page) == []
        name = f"site-{path.replace('/', '-')}-{size[0]}-{scheme}"
        keep_screenshot(page, name)
        for what in ("a.figure", ".cell_output table"):
            if page.locator(f"article {what}").count():
                page.locator(f"article {what}").first.scroll_into_view_if_needed()
                keep_screenshot(page, f"{name}-{what.split()[-1].removeprefix('a.')}")


@needs_chromium
@pytest.mark.parametrize("notebook", [name for name in NOTEBOOKS if f"notebooks/{name}" not in LOOKED_AT])
def test_every_notebook_fits_a_phone(browser, site, notebook):
    """No page of the course scrolls sideways on a phone, and none has a broken formula or picture."""
    with opened(browser, site, f"notebooks/{notebook}", PHONE) as page:
        assert faults(page) == []


@needs_chromium
def test_formulas_are_typeset(browser, site):
    """The page on the ELBO has its formulas from the site's own MathJax."""
    with opened(browser, site, "notebooks/01_elbo") as page:
        assert page.locator("mjx-container").count() > 50
        keep_screenshot(page, "site-formulas")


@needs_chromium
def test_search_finds_a_word(browser, site):
    """A word typed into the search field leads to pages that have it."""
    with opened(browser, site, "index") as page:
        page.keyboard.press("Control+k")
        page.locator("input[type=search]:visible").first.fill("reparameterization")
        page.keyboard.press("Enter")
        page.wait_for_selector("#search-results li a", timeout=20_000)
        assert "02_reparameterization" in " ".join(a.get_attribute("href") for a in page.locator("#search-results li a").all())
        keep_screenshot(page, "site-search")


@needs_chromium
def test_the_front_page_decodes(browser, site):
    """The explorer on the front page is live: its picture follows the mouse."""
    with opened(browser, site, "index") as page:
        page.wait_for_selector("article .vae-explorer[data-ready=yes]")
        plane = page.locator("article .vae-explorer .plane")
        plane.scroll_into_view_if_needed()
        box = plane.bounding_box()
        code = "Array.from(document.querySelector('.vae-explorer').explorer.state.z)"
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
        before = page.evaluate(code)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert page.evaluate(code) != before
        keep_screenshot(page, "site-front-explorer")


def test_next_leads_from_page_to_page(site):
    """Each notebook's "next" is the following one."""
    for name, following in zip(NOTEBOOKS, NOTEBOOKS[1:]):
        page = (SITE / "notebooks" / f"{name}.html").read_text()
        assert re.search(r'class="right-next"\s+href="([^"]+)"', page)[1] == f"{following}.html"


@needs_chromium
def test_previous_and_next(browser, site):
    """The buttons at a page's end lead forth and back."""
    with opened(browser, site, "notebooks/" + NOTEBOOKS[0]) as page:
        page.locator("a.right-next").click()
        page.wait_for_url(f"**/{NOTEBOOKS[1]}.html")
        page.locator("a.left-prev").click()
        page.wait_for_url(f"**/{NOTEBOOKS[0]}.html")


@needs_chromium
def test_light_and_dark_can_be_switched(browser, site):
    """The menu of the theme overrules the system's setting."""
    with opened(browser, site, "index", scheme="light") as page:
        page.locator("button.theme-switch-button:visible").first.click()
        page.locator(".dropdown-item:visible", has_text="Dark").click()
        assert page.locator("html").get_attribute("data-theme") == "dark"


@needs_chromium
def test_the_crates_documentation_is_there(browser, site):
    """The page of the crate leads to its documentation, on the same site."""
    with opened(browser, site, "vae_core/README") as page:
        page.get_by_role("link", name="Documentation of every item").click()
        page.wait_for_url("**/api/vae_core/index.html")
        assert page.get_by_role("heading", name="The map").count() == 1


def test_pages_are_light(site):
    """What a reader fetches for a page stays below two megabytes, figures included."""
    heavy = [(page, whole) for page, _, whole in weights(SITE) if whole > HEAVIEST_PAGE]
    assert heavy == []


def test_a_link_to_nothing_fails_the_build(site, tmp_path):
    """Sphinx ends with an error, and names the place, where a page links to a page or a heading that is not there."""
    (tmp_path / "index.md").write_text("# Here\n\n[there](there.md), [below](#below)\n")
    python = REPOSITORY / "target" / "site" / "bin" / "python"
    build = f"import pathlib, sys; sys.path.insert(0, 'docs/site'); import build; build.run_sphinx(*map(pathlib.Path, {[str(tmp_path), str(tmp_path / 'out')]}))"
    done = subprocess.run([python, "-c", build], cwd=REPOSITORY, text=True, capture_output=True)
    assert done.returncode != 0
    assert "there.md" in done.stderr and "below" in done.stderr and "index.md" in done.stderr


def test_what_sphinx_does_not_see_is_found(tmp_path):
    """In finished pages: a file, an anchor and a picture that are missing, and a script from another host; what is there passes."""
    page = '<a href="b.html#here">1</a><a href="b.html#gone">2</a><a href="no.html">3</a><img src="no.png"><a href="https://a.org">4</a>'
    (tmp_path / "a.html").write_text(page + '<script src="https://a.org/x.js"></script>')
    (tmp_path / "b.html").write_text('<p id="here"></p>')
    assert sorted(broken_links(tmp_path)) == [
        "a.html: b.html#gone: no such place on that page",
        "a.html: https://a.org/x.js: comes from another host",
        "a.html: no.html: no such file",
        "a.html: no.png: no such file",
    ]
