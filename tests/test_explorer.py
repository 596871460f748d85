"""The live explorer in a real browser: its pages decode what the crate decodes, and answer mouse, keys, fingers and pens."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
EVIL = "</script><img src=x onerror=\"window.hacked = 1\">"
PAGES = ["mlp", "conv", "large", "conditional", "tanh", "gelu", "silu", "elu", "beta"]
MOST_BYTES = 1_500_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (on Debian: apt install chromium)")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    """A page of each kind, with markup for a title and for the name of a class, and what the crate computes."""
    out = tmp_path_factory.mktemp("explorers")
    command = ["cargo", "run", "--release", "--quiet", "-p", "vae_core", "--example", "explorer", "--"]
    # Convolutions are slow to train; what is compared needs no good model.
    options = ["--images", "1500", "--epochs", "1", "--out", out, "--title", EVIL, "--names", f"{EVIL},one,__proto__"]
    subprocess.run([*command, *options], cwd=REPOSITORY, check=True)
    return out


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, pages):
    """Opens a page and waits for its explorers; afterwards, no page may have complained."""
    complaints, opened = [], []

    def open_page(name: str, **context):
        page = browser.new_context(**context).new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None)
        page.goto((pages / f"{name}.html").as_uri())
        page.wait_for_selector(".vae-explorer[data-ready]")
        page.wait_for_function("[...document.querySelectorAll('.vae-explorer')].every((host) => host.dataset.ready !== 'soon')")
        assert page.eval_on_selector_all(".vae-explorer", "hosts => hosts.map((host) => host.dataset.ready)") != ["no"]
        page.wait_for_timeout(100)
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        page.context.close()
    assert complaints == []


def code(page) -> list[float]:
    return page.evaluate("Array.from(document.querySelector('.vae-explorer').explorer.state.z)")


def picture(page) -> list[int]:
    """The large picture, as it stands on its canvas."""
    page.wait_for_timeout(60)  # a frame or two
    script = """() => {
        const canvas = document.querySelector('.vae-explorer').shadowRoot.querySelector('.large');
        return Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);
    }"""
    return page.evaluate(script)


def middle(page, selector: str = ".plane") -> tuple[float, float]:
    page.locator(selector).first.scroll_into_view_if_needed()
    box = page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("name", PAGES)
def test_the_page_computes_what_the_crate_computes(visit, pages, name):
    """Pixels, posterior means and deviations agree to 0.01 for each model and label, and a figure stays below 1.5 MB."""
    assert (pages / f"{name}.html").stat().st_size < MOST_BYTES
    page = visit(name)
    facts = json.loads((pages / "expected.json").read_text())[name]
    assert len(facts) >= 3
    script = """(fact) => {
        const app = document.querySelector('.vae-explorer').explorer;
        app.chooseModel(fact.model);
        const q = app.data.models[0].encoder ? app.encode(Float32Array.from(fact.x), fact.label) : null;
        const pixels = Array.from(app.decode(fact.z, fact.label));
        return { pixels, mu: q && Array.from(q.mu), sigma: q && Array.from(q.sigma) };
    }"""
    for fact in facts:
        here = page.evaluate(script, fact)
        assert here["pixels"] == pytest.approx(fact["pixels"], abs=1e-2)
        assert max(fact["pixels"]) - min(fact["pixels"]) > 0.1, "a flat picture would agree with anything"
        if here["mu"]:
            assert here["mu"] == pytest.approx(fact["mu"], abs=1e-2)
            assert here["sigma"] == pytest.approx(fact["sigma"], abs=1e-2)


def test_the_shown_picture_is_the_decoded_one(visit):
    """The bytes on the canvas are the mean of p(x|z) at the code of the state."""
    page = visit("mlp")
    shown = picture(page)[::4]
    script = "() => { const app = document.querySelector('.vae-explorer').explorer; return Array.from(app.decode(app.state.z)); }"
    assert shown == pytest.approx([255 * pixel for pixel in page.evaluate(script)], abs=1)


@pytest.mark.parametrize("name", ["mlp", "conv", "conditional", "beta"])
def test_moving_the_mouse_changes_the_picture(visit, name):
    """The code follows the mouse over the plane, z₁ to the right and z₂ upwards, and the picture follows the code."""
    page = visit(name)
    x, y = middle(page)
    page.mouse.move(x, y)
    before, at = picture(page), code(page)
    page.mouse.move(x + 60, y - 40)
    assert picture(page) != before
    axes = page.evaluate("document.querySelector('.vae-explorer').explorer.state.axes")
    moved = code(page)
    assert moved[axes[0]] > at[axes[0]] and moved[axes[1]] > at[axes[1]]


def test_keys_move_and_pin(visit):
    """Arrow keys move the code, Shift further; Enter pins, twice for a walk; Escape clears; Home is the origin."""
    page = visit("mlp")
    page.locator(".plane").focus()
    page.keyboard.press("Home")
    before = picture(page)
    assert code(page) == [0, 0]
    page.keyboard.press("ArrowRight")
    small = code(page)
    page.keyboard.press("Shift+ArrowUp")
    assert small[0] > 0 and small[1] == 0 and code(page)[1] == pytest.approx(5 * small[0])
    assert picture(page) != before
    page.keyboard.press("Enter")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    pins = "document.querySelector('.vae-explorer').explorer.state.pins"
    assert len(page.evaluate(pins)) == 2
    page.get_by_label("from A to B").fill("0.5")
    assert code(page) == pytest.approx([value / 2 for value in page.evaluate(pins)[0]])
    page.locator(".plane").focus()
    page.keyboard.press("Escape")
    assert page.evaluate(pins) == []


def test_a_click_pins_and_the_walk_decodes_the_line_between(visit):
    """Two clicks pin two codes; the strip's ends are their pictures, and a walk moves the code."""
    page = visit("conv")
    x, y = middle(page)
    for place in [(x - 80, y), (x + 80, y + 30)]:
        page.mouse.click(*place)
    page.wait_for_timeout(60)
    strip = """() => {
        const host = document.querySelector('.vae-explorer'), app = host.explorer;
        const bytes = (canvas) => Array.from(canvas.getContext('2d').getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 0);
        const [first, ...rest] = host.shadowRoot.querySelectorAll('.strip canvas');
        const wanted = app.state.pins.map((pin) => Array.from(app.decode(pin), (pixel) => 255 * pixel));
        return { shown: [bytes(first), bytes(rest.at(-1))], wanted };
    }"""
    ends = page.evaluate(strip)
    assert len(ends["wanted"]) == 2
    for shown, wanted in zip(ends["shown"], ends["wanted"]):
        assert shown == pytest.approx(wanted, abs=1)
    before = code(page)
    page.get_by_role("button", name="Walk").click()
    page.wait_for_timeout(300)
    assert code(page) != before


def test_sliders_move_the_code(visit):
    """Each dimension has a slider with a name; choosing axes puts other dimensions on the plane."""
    page = visit("conv")
    before = picture(page)
    slider = page.get_by_label("z₃", exact=True)
    slider.evaluate("(input) => { input.value = 2.5; input.dispatchEvent(new Event('input', { bubbles: true })); }")
    assert code(page)[2] == 2.5
    assert picture(page) != before
    page.get_by_label("across").select_option(value="5")
    x, y = middle(page)
    page.mouse.move(x + 50, y)
    page.wait_for_timeout(60)
    assert code(page)[5] > 0


def test_the_models_slider_follows_a_test_image(visit):
    """With another β the same test image has another code and another picture, and a large β has let the codes collapse."""
    page = visit("beta")
    before, at = picture(page), code(page)
    slider = page.get_by_label("β", exact=True)
    slider.focus()
    page.keyboard.press("End")
    assert picture(page) != before and code(page) != at
    assert slider.get_attribute("aria-valuetext") == "100"
    spread = """() => {
        const app = document.querySelector('.vae-explorer').explorer;
        return Math.max(...Array.from({ length: app.data.points }, (_, i) => Math.hypot(...app.code(i))));
    }"""
    collapsed = page.evaluate(spread)
    slider.focus()
    page.keyboard.press("Home")
    assert page.evaluate(spread) > 2 * collapsed


def test_a_label_decodes_the_same_code_as_another_class(visit):
    """A conditional model has a picture for each label, and choosing one decodes with it."""
    page = visit("conditional")
    before, at = picture(page), code(page)
    page.locator(".choice").nth(7).click()
    assert picture(page) != before and code(page) == at
    assert page.locator(".choice canvas").count() == 10


def test_a_drawing_is_encoded(visit):
    """What the pointer draws has a posterior on the plane: its mean becomes the code, and clearing takes it away."""
    page = visit("mlp")
    x, y = middle(page, ".pad")
    page.mouse.move(x, y - 50)
    page.mouse.down()
    page.mouse.move(x, y + 50, steps=8)
    page.mouse.up()
    page.wait_for_timeout(100)
    posterior = page.evaluate("(({ mu, sigma }) => [Array.from(mu), Array.from(sigma)])(document.querySelector('.vae-explorer').explorer.state.posterior)")
    assert code(page) == posterior[0]
    assert all(sigma > 0 for sigma in posterior[1])
    assert page.get_by_text("Its posterior: z₁ = ").is_visible()
    page.get_by_role("button", name="Clear drawing").click()
    page.wait_for_timeout(60)
    assert page.evaluate("document.querySelector('.vae-explorer').explorer.state.posterior") is None


def test_a_finger_moves_and_pins(visit):
    """On a phone nothing is wider than the screen, and a tap on the plane decodes and pins."""
    page = visit("mlp", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    x, y = middle(page)
    page.touchscreen.tap(x + 40, y)
    page.wait_for_timeout(60)
    assert code(page)[0] > 0
    assert len(page.evaluate("document.querySelector('.vae-explorer').explorer.state.pins")) == 1


def test_what_a_user_passes_in_stays_text(visit):
    """Markup in a title and in a class's name is shown as written, runs nothing and loads nothing."""
    page = visit("mlp")
    assert page.get_by_role("heading", name=EVIL).is_visible()
    assert page.get_by_role("button", name=EVIL).count() == 1
    assert page.title() == EVIL
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[onerror]").count() == 0


def test_words_for_who_does_not_see(visit):
    """The plane, the sliders and the buttons have names, and a pause is followed by words that say what is there."""
    page = visit("mlp")
    plane = page.locator(".plane")
    assert "Arrow keys" in plane.get_attribute("aria-label") and plane.get_attribute("tabindex") == "0"
    unnamed = """() => [...document.querySelector('.vae-explorer').shadowRoot.querySelectorAll('input, select, button')]
        .filter((control) => !control.ariaLabel && !control.labels?.length && !control.textContent).length"""
    assert page.evaluate(unnamed) == 0
    plane.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(600)
    said = page.locator("[aria-live=polite]").inner_text()
    assert "z₁" in said and "nearest test images" in said


def test_light_and_dark(visit):
    """The system's theme is followed, and JupyterLab's own choice goes before it."""
    page = visit("mlp", color_scheme="dark")
    card = page.locator(".card")
    assert card.get_attribute("data-theme") == "dark"
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    page.wait_for_timeout(50)
    assert card.get_attribute("data-theme") == "light"
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.wait_for_timeout(50)
    assert card.get_attribute("data-theme") == "dark"


def test_several_on_one_page(visit, pages):
    """Explorers on one page have their own states, and the page around keeps its names and styles to itself."""
    body = [(pages / f"{name}.html").read_text().split("<body>")[1].split("</body>")[0] for name in ("mlp", "conditional", "beta")]
    head = "<!DOCTYPE html><meta charset='utf-8'><style>canvas { display: none } .card { color: red !important }</style><script>const start = 1, W = 2;</script>"
    (pages / "several.html").write_text(head + "".join(body))
    page = visit("several")
    assert page.locator(".vae-explorer[data-ready=yes]").count() == 3
    states = "[...document.querySelectorAll('.vae-explorer')].map((host) => Array.from(host.explorer.state.z))"
    before = page.evaluate(states)
    page.locator(".vae-explorer >> nth=1 >> .plane").focus()
    page.keyboard.press("ArrowLeft")
    after = page.evaluate(states)
    assert after[1] != before[1] and (after[0], after[2]) == (before[0], before[2])
    assert page.locator(".plane").first.is_visible()


def test_the_largest_decoder_is_quick(visit):
    """The default ConvVae, 28×28 pixels from 64 numbers, does not keep the page waiting: it takes some 40 ms, and a second would be felt."""
    page = visit("large")
    script = """() => {
        const app = document.querySelector('.vae-explorer').explorer;
        const times = Array.from({ length: 10 }, () => {
            const start = performance.now();
            app.decode(app.state.z);
            return performance.now() - start;
        });
        return Math.min(...times);
    }"""
    assert page.evaluate(script) < 1000


def test_without_scripts_there_is_a_picture(visit, browser, pages):
    """Where scripts do not run, a still picture says what there would be."""
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((pages / "mlp.html").as_uri())
    assert page.get_by_text("this figure is live").is_visible()
    assert page.locator("img").bounding_box()["width"] > 100
    page.context.close()
