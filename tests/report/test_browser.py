"""The page as people open it: no network, no JavaScript, wide and narrow, light and dark, on paper."""

import dataclasses
import importlib.util
import io
import os
import re
import shutil
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest

from figures import made
from pellucid import figures
from pellucid.report import depth_page, write
from report import dossiers

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    write(dataclasses.replace(dossiers.table(), cases=dossiers.cases(3, table=True)), folder / "table.html")
    return write(dossiers.digits(3), folder / "digits.html").as_uri()


def opened(browser, address, *, width=1280, scheme="light"):
    """A page without JavaScript in which every request but the file itself fails the test."""
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    asked, said = [], []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.goto(address)
    assert [url for url in asked if not url.startswith(("data:", address))] == []
    assert said == []
    return page


@pytest.mark.parametrize("name", ["digits", "table"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out(browser, address, width, name):
    page = opened(browser, address.replace("digits", name), width=width)
    box = page.locator("main").bounding_box()
    assert box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # a drawing that cannot shrink scrolls in a frame of its own, which the keyboard reaches
    for drawn in page.locator("figure.fig .panels").all()[:40]:
        frame = drawn.locator("xpath=ancestor::*[contains(@class, 'scroll')]")
        edge = (frame.first if frame.count() else drawn).bounding_box()
        if edge is not None:
            assert edge["x"] + edge["width"] <= width + 1
        if frame.count():
            assert frame.first.get_attribute("tabindex") == "0"
            assert frame.first.get_attribute("aria-label")


LETTERS = """() => [...document.querySelectorAll('.panel svg text')].flatMap(text => {
    const svg = text.closest('svg'), drawn = svg.getBoundingClientRect().width
    return drawn ? [parseFloat(text.getAttribute('font-size')) * drawn / svg.viewBox.baseVal.width] : []
})"""


@pytest.mark.parametrize("name", ["digits", "table"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_letters_of_figures_stay_readable(browser, address, width, name):
    page = opened(browser, address.replace("digits", name), width=width)
    for folded in page.locator("details:not([open]) > summary").all():
        if folded.is_visible():
            folded.click()
    sizes = page.evaluate(LETTERS)
    assert len(sizes) > 20
    assert min(sizes) >= 9.9


def test_wide_drawings_fit_on_paper(browser, address):
    page = opened(browser, address.replace("digits", "table"), width=695)
    page.emulate_media(media="print")
    for svg in page.locator(".panel svg").all()[:60]:
        edge = svg.bounding_box()
        assert edge is None or edge["x"] + edge["width"] <= 696


def test_pictures_are_drawn_and_numbers_unfold(browser, address):
    page = opened(browser, address)
    assert page.locator("svg image").count() > 10
    assert page.locator("h1").inner_text() == "digits"
    first = page.locator("details").first
    assert not first.locator("table").is_visible()
    first.locator("summary").click()
    assert first.locator("table").is_visible()


def test_the_worst_news_is_on_the_first_screen(browser, address):
    page = opened(browser, address)
    worst = page.locator("ul.findings li").first
    assert "failed" in worst.inner_text()
    assert worst.bounding_box()["y"] < 900


def test_text_is_readable_in_dark(browser, address):
    from PIL import Image

    page = opened(browser, address, scheme="dark")
    heading, chart = page.locator("h1"), page.locator("#training .panel svg").first
    for part in (heading, chart):
        part.scroll_into_view_if_needed()
        grey = Image.open(io.BytesIO(part.screenshot())).convert("L")
        dark, light = grey.getextrema()
        assert dark < 60
        assert light > 180


def test_the_first_printed_page_suffices(browser, address, tmp_path):
    for name in ("digits", "table"):
        page = opened(browser, address.replace("digits", name))
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 695, "height": 900})  # A4 less the margins, at 96 pixels an inch
        front, strip = page.locator(".front").bounding_box(), page.locator(".strip").bounding_box()
        assert front["y"] + front["height"] - strip["y"] <= 1054  # the height of the same sheet
        pdf = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
        # as Chromium prints it: what stands on the first page fills no second one
        whole = (Path(url2pathname(urlparse(address).path)).parent / f"{name}.html").read_text()
        hidden = "<style>main>:not(.strip,.front){display:none!important}</style></head>"
        (tmp_path / "front.html").write_text(whole.replace("</head>", hidden, 1))
        alone = opened(browser, (tmp_path / "front.html").as_uri()).pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", alone)) == 1


def test_everything_unfolds_on_paper(browser, address):
    page = opened(browser, address)
    page.emulate_media(media="print")
    assert page.locator("#cases .card .number").first.is_visible()


DRAWN = """() => [...document.querySelectorAll('.panels')].filter(
    each => each.checkVisibility({contentVisibilityAuto: true})).length"""


@pytest.mark.parametrize("width", [1280, 390])
def test_layers_that_are_far_are_drawn_when_they_come_near(browser, tmp_path, width):
    one = made.summary()
    rows = tuple(dataclasses.replace(one.rows[0], site=f"layer{i}") for i in range(300))
    strips = figures.layer_strips(dataclasses.replace(one, rows=rows))
    page = opened(browser, depth_page(strips, tmp_path / "deep.html").as_uri(), width=width)
    first, every = page.evaluate(DRAWN), page.locator(".panels").count()
    assert every == 5
    assert 0 < first < every / 2
    # a jump lands where it leads to, although nothing in between has been drawn
    for link in page.locator("nav a").all()[::-3]:
        target = link.get_attribute("href")
        link.click()
        page.wait_for_timeout(150)
        place = page.locator(target).bounding_box()
        below = page.evaluate("document.documentElement.scrollHeight - scrollY - innerHeight")
        assert abs(place["y"]) <= 2 or (below <= 1 and 0 < place["y"] < 900), target
    page.emulate_media(media="print")
    assert page.evaluate("""() => [...document.querySelectorAll('section.part')].every(
        each => getComputedStyle(each).contentVisibility === 'visible')""")


def test_pages_of_ordinary_length_are_drawn_whole(browser, address):
    page = opened(browser, address)  # a picture of the whole page would be empty where nothing is drawn
    assert page.evaluate(DRAWN) >= page.locator(".panels").count() - page.locator("details .panels").count()


@pytest.fixture(scope="module")
def axe():
    """The code of axe-core: where PELLUCID_AXE says, else as a package brings it."""
    package = importlib.util.find_spec("axe_playwright_python")
    named = os.environ.get("PELLUCID_AXE")
    if named is None and package is None:
        pytest.skip(
            "axe-core is not installed: pip install axe-playwright-python, or name it in PELLUCID_AXE"
        )
    path = Path(named) if named else Path(package.submodule_search_locations[0]) / "axe.min.js"
    return path.read_text()


@pytest.mark.parametrize("name", ["digits", "table"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(browser, address, axe, name, width, scheme):
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, offline=True)
    page = context.new_page()
    page.goto(address.replace("digits", name))
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []
    context.close()


@pytest.mark.parametrize("name", ["auditor", "clinician"])
def test_a_reader_is_chosen_without_a_script(browser, address, name):
    page = opened(browser, address)
    assert page.locator("#inside .body").is_visible()
    page.check(f"#reader-{name}")
    assert not page.locator("#inside .body").is_visible()
    assert page.locator("#trust .body").is_visible()
    assert page.locator("#inside > ul.findings, #rules > ul.findings").first.is_visible()
    assert page.locator(f"p.for-{name}").first.is_visible()
    page.check("#fold-inside")
    assert page.locator("#inside .body").is_visible()
    page.uncheck("#fold-inside")
    page.emulate_media(media="print")
    assert page.locator("#inside .body").is_visible()
