"""The drawing of the first page: a reader writes a digit, and sees the spikes of the net and its answer."""

from __future__ import annotations

import functools
import http.server
import pathlib
import re
import threading
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, Page

import drawing
from in_c.compiling import Library
from workspace import ROOT

from .watched import DESKTOP, PHONE, overhang, watched

ASSETS = ROOT / "docs" / "assets"
SCRIPTS = re.findall(r'"(\S+\.js)"', (ROOT / "docs" / "extensions" / "first_page.py").read_text(encoding="utf-8"))
STEPS = 8
# strokes by hand, in percent of the width and height of the board
DIGITS = {
    0: ["50,10 30,22 25,50 30,78 50,90 68,78 74,50 68,22 50,10"],
    1: ["38,26 53,10 53,90"],
    2: ["28,28 38,12 58,12 70,26 62,46 28,88 74,88"],
    3: ["28,15 55,10 70,25 64,40 45,48 66,55 72,72 58,88 28,85"],
    4: ["50,10 25,55 75,55", "62,35 55,90"],
    5: ["70,10 34,10 30,45 52,40 70,55 68,78 50,90 27,84"],
    6: ["60,10 38,35 30,65 40,88 60,88 68,70 58,54 34,60"],
    7: ["26,12 72,12 45,90", "36,50 66,50"],
    8: ["50,48 32,30 50,10 68,28 50,48 30,70 50,90 70,70 50,48"],
    9: ["66,35 50,46 34,30 48,12 66,20 66,35 62,65 50,90"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A page with the drawing alone, from the files of the site."""
    folder = tmp_path_factory.mktemp("drawing")
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A digit</title>'
    head += '<link rel="icon" href="data:,"><link rel="stylesheet" href="site.css">'
    head += '<meta name="viewport" content="width=device-width, initial-scale=1">'
    scripts = "".join(f'<script defer src="{name}"></script>' for name in SCRIPTS)
    (folder / "index.html").write_text(f'{head}{scripts}<main><div id="drawing"></div></main></html>', encoding="utf-8")
    for name in ("site.css", *SCRIPTS):
        (folder / name).write_bytes((ASSETS / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def server(folder: pathlib.Path) -> Iterator[str]:
    """The address of the page's folder on this machine."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


PLACES = [("folder", DESKTOP), ("folder", PHONE), ("server", PHONE)]


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0]}-{place[1]}")
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, which asks for nothing elsewhere and complains of nothing."""
    where, width = request.param
    address = request.getfixturevalue("server") if where == "server" else request.getfixturevalue("folder").as_uri()
    with watched(browser, width) as visit:
        visit.page.goto(f"{address}/index.html")
        visit.page.locator("#drawing[data-ready]").wait_for()
        yield visit.page
        assert visit.complaints == []
        assert [url for url in visit.asked if not url.startswith((address, "data:"))] == []


def answer(page: Page, digit: int) -> dict[str, list[list[float]]]:
    """Draw a digit on an empty board; return the image, the spikes of all steps, and the counts of the net's answer."""
    page.get_by_role("button", name="Clear").click()
    page.evaluate(
        """() => { window.answered = new Promise(done =>
            drawing.addEventListener("answer", event => done(event.detail), { once: true })); }"""
    )
    box = page.locator(".board").bounding_box()
    assert box is not None
    for place, stroke in enumerate(DIGITS[digit]):
        points = [[float(n) / 100 for n in point.split(",")] for point in stroke.split()]
        for k, (x, y) in enumerate(points):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=1 if k == 0 else 4)
            if k == 0:
                page.mouse.down()
        page.mouse.up()
        assert place or "Step 1 of 8" in page.locator("#drawing output").inner_text()
    return page.evaluate(
        """answered.then(({ image, spikes, counts }) =>
            ({ image: [[...image]], spikes: spikes.map(step => [...step]), counts: [counts] }))"""
    )


def test_drawn_strokes_give_the_right_digit_and_the_spikes_of_c_on_this_machine(page: Page, tmp_path: pathlib.Path):
    host = Library(drawing.Watched().eval(), torch.full((1, 1, 8, 8), 0.5), tmp_path / "c")
    wrong = {}
    for digit in DIGITS:
        result = answer(page, digit)
        image = torch.tensor(result["image"]).reshape(1, 1, 8, 8)
        host.reset()
        expected = torch.stack([host(image) for _ in range(STEPS)])
        assert torch.equal(torch.tensor(result["spikes"]), expected)
        (counts,) = result["counts"]
        assert counts == expected[:, -10:].sum(0).tolist()
        text = page.locator("#drawing output").inner_text()
        if text != f"Step 8 of 8: a {digit}":
            wrong[digit] = text
    assert wrong == {}


def test_the_pictures_fit_fill_and_are_empty_again(page: Page):
    filled = """[...document.querySelectorAll("#drawing canvas")].map(canvas => {
        const empty = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
        return canvas.toDataURL() !== empty.toDataURL();
    })"""
    assert page.evaluate(filled) == [False] * 5
    answer(page, 3)
    assert page.evaluate(filled) == [True] * 5
    assert overhang(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    page.get_by_role("button", name="Clear").click()
    assert page.evaluate(filled) == [False] * 5
    assert page.locator("#drawing output").inner_text() == ""


def test_the_net_of_the_page_is_that_of_the_zoo_and_small():
    text = drawing.FILE.read_text(encoding="ascii")
    module = drawing.files(text)["net.wasm"]
    weights = [w.detach() for w in drawing.Watched().parameters() if w.dim() == 2]
    assert len(weights) == 2
    for weight in weights:  # by input, as those of spikes are
        assert bytes(weight.T.flatten().view(torch.uint8).tolist()) in module
    assert sum((ASSETS / name).stat().st_size for name in SCRIPTS) < 300 * 1024
