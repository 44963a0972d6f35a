"""The site that ``nox -s docs`` builds, visit in a browser: from its folder, as it is built, and from a server."""

from __future__ import annotations

import functools
import http.server
import pathlib
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from workspace import ROOT

from .watched import DESKTOP, PHONE, Watched, overhang, watched, whole

SITE = ROOT / "dist" / "docs"
SIDEBAR = ".sidebar-tree a.reference.internal"
FOUND = "#search-results li > a"
# what a reader looks for, and the page that has to be among the first three found
TERMS = {
    "Leaky": "reference/snn_core.Leaky",
    "fast_sigmoid": "reference/snn_core.surrogate.fast_sigmoid",
    "surrogate": "surrogate-gradients",
    "surrogate gradient": "surrogate-gradients",
    "IF": "neurons",
    "PLIF": "neurons",
    "learn beta": "neurons",
    "custom neuron": "write-your-own-neuron",
    "dataset": "datasets",
    "data set": "datasets",
    "batch first": "concepts",
    "ragged": "ragged-time",
    "loss": "losses",
    "learning rate": "choose-settings",
    "hyperparameter": "choose-settings",
    "early stopping": "train-properly",
    "mixed precision": "mixed-precision",
    "out of memory": "memory-and-files",
    "stdp": "local-learning",
    "quantization": "quantized-training",
    "plot": "gallery",
    "dead neurons": "diagnose",
    "energy": "energy",
    "checkpoint": "save-and-load",
    "save": "save-and-load",
    "onnx": "deploy",
    "microcontroller": "microcontroller",
    "early exit": "streaming",
    "ANN conversion": "convert",
    "gpu": "gpu",
    "multi-gpu": "scale",
    "pin a backend": "pin-a-backend",
    "sklearn": "scikit-learn",
    "GridSearchCV": "scikit-learn",
    "lightning": "other-tools",
    "environment variable": "commands",
    "windows": "questions",
    "cite": "questions",
}
# words of the title that are on two lines, but for those with a hyphen
BROKEN_WORDS = """() => {
    const broken = [];
    for (const text of [...document.querySelector("h1").childNodes].filter(node => node.nodeType === Node.TEXT_NODE))
        for (const word of text.data.matchAll(/[^\\s-]{2,}(?![^\\s]*-)/g)) {
            const range = document.createRange();
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            if (new Set([...range.getClientRects()].map(line => line.top)).size > 1) broken.push(word[0]);
        }
    return broken;
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def site() -> pathlib.Path:
    if not (SITE / "index.html").exists():
        raise FileNotFoundError(f"there is no site in {SITE}: build it with nox -s docs")
    return SITE


@pytest.fixture(scope="module")
def server(site: pathlib.Path) -> Iterator[str]:
    """The address of the site on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[tuple[Watched, str]]:
    """The first page of the site, and the address of its folder."""
    where, width = request.param
    address = request.getfixturevalue("server") if where == "server" else request.getfixturevalue("site").as_uri()
    with watched(browser, width) as visit:
        visit.page.goto(f"{address}/index.html")
        visit.page.wait_for_url(f"{address}/docs/index.html")
        yield visit, address
        assert [url for url in visit.asked if not url.startswith((address, "data:"))] == []


def everywhere(*places: str) -> pytest.MarkDecorator:
    """The site from each place, in a window as wide as a screen and as a phone."""
    cases = [pytest.param((where, width), id=f"{where}-{width}") for where in places for width in (DESKTOP, PHONE)]
    return pytest.mark.parametrize("visit", cases, indirect=True)


def faults(page: Page) -> list[str]:
    """Return everything on a page that a reader would see is wrong."""
    faults = [f"sticks out: {element}" for element in overhang(page)]
    faults += [f"broken word: {word}" for word in page.evaluate(BROKEN_WORDS)]
    return faults + ["a picture without pixels"] * whole(page).count(False)


def open_sidebar(page: Page) -> None:
    """Bring the sidebar into a window that is too narrow to have it always."""
    menu = page.locator(".mobile-header label[for=__navigation]")
    if menu.is_visible():
        menu.click()


@everywhere("folder")
def test_every_page_of_the_sidebar_and_the_index_are_whole(visit):
    (page, complaints, _), address = visit
    links = page.locator(SIDEBAR).evaluate_all("links => links.map(link => link.href.split('#')[0])")
    assert len(set(links)) > 40
    wrong: dict[str, list[str]] = {}
    for link in dict.fromkeys([page.url, *links, f"{address}/genindex.html"]):
        complaints.clear()
        answer = page.goto(link)
        assert answer is not None
        there = [] if answer.ok else [f"status {answer.status}"]
        wrong[link] = there + faults(page) + complaints
    assert {link: wrong for link, wrong in wrong.items() if wrong} == {}


@everywhere("folder")
def test_a_reader_goes_from_page_to_page_by_the_sidebar(visit):
    (page, complaints, _), _ = visit
    for title in ("Variable-length sequences", "5. Training on digits", "Packages"):
        open_sidebar(page)
        link = page.locator(SIDEBAR).get_by_text(title, exact=True)
        with page.expect_navigation():
            link.click()
        assert page.locator("h1").first.inner_text().startswith(title)
    assert complaints == []


@everywhere("folder", "server")
@pytest.mark.parametrize("term", TERMS)
def test_the_search_finds_a_page_and_leads_to_it(visit, term: str):
    (page, complaints, _), address = visit
    page.goto(f"{address}/search.html")
    open_sidebar(page)
    box = page.locator(".sidebar-search")
    box.fill(term)
    box.press("Enter")
    page.locator(FOUND).first.wait_for()
    first = page.locator(FOUND).evaluate_all("links => links.slice(0, 3).map(link => link.href)")
    url = f"{address}/docs/{TERMS[term]}.html"
    assert url in [link.partition("#")[0] for link in first]
    page.wait_for_load_state("networkidle")
    page.locator(FOUND).nth([link.partition("#")[0] for link in first].index(url)).click()
    page.wait_for_url(f"{url}*")
    assert faults(page) == []
    assert [text for text in complaints if not text.startswith("warning: Anchored")] == []


@everywhere("folder", "server")
def test_the_search_says_so_where_there_is_nothing_to_find(visit):
    (page, complaints, _), address = visit
    page.goto(f"{address}/search.html?q=neverwrittenanywhere")
    page.get_by_text("Your search did not match any documents").wait_for()
    assert page.locator(FOUND).count() == 0
    assert complaints == []


@everywhere("server")
def test_the_search_of_a_server_shows_how_a_page_begins(visit):
    (page, _, _), address = visit
    page.goto(f"{address}/search.html?q=ragged")
    beginning = page.locator("#search-results p.context").first
    beginning.wait_for()
    assert "ragged" in beginning.inner_text().lower()
