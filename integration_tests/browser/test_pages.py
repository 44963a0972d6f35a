"""The report of each task and the gallery, visit in a browser as a reader opens them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser

from demo_reports import RUNS
from snn_plot import animated_raster
from workspace import ROOT

from .watched import DESKTOP, PHONE, Watched, overhang, watched, whole

FILM = "film of snn-plot"


@pytest.fixture(scope="module")
def pages(reports, tmp_path_factory) -> dict[str, pathlib.Path]:
    """The report of each task, the gallery as a page, and a film saved as one."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "gallery").symlink_to(ROOT / "docs" / "gallery")
    body = MarkdownIt().render((ROOT / "docs" / "gallery.md").read_text(encoding="utf-8"))
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Gallery</title>'
    style = "<style>img { max-width: 100% } pre { overflow-x: auto }</style>"
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    (folder / "gallery.html").write_text(f"{head}{viewport}{style}<main>{body}</main></html>", encoding="utf-8")
    from matplotlib.figure import Figure

    animated_raster([[0, 1], [1, 0], [0, 1]], Figure().subplots()).save(folder / "film.html")
    return {**reports, "gallery": folder / "gallery.html", FILM: folder / "film.html"}


@pytest.fixture
def visit(browser: Browser, pages: dict[str, pathlib.Path], request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page in a window of some width."""
    name, width = request.param
    with watched(browser, width) as visit:
        visit.page.goto(pages[name].as_uri(), wait_until="load")
        yield visit


EVERY_PAGE = pytest.mark.parametrize(
    "visit",
    [
        pytest.param((name, width), id=f"{name}-{width}")
        for name in (*RUNS, "gallery", FILM)
        for width in (DESKTOP, PHONE)
    ],
    indirect=True,
)
REPORTS_ON_A_PHONE = pytest.mark.parametrize(
    "visit", [pytest.param((name, PHONE), id=name) for name in RUNS], indirect=True
)


@EVERY_PAGE
def test_a_page_is_whole_and_asks_for_nothing_elsewhere(visit):
    page, complaints, urls = visit
    pictures = whole(page)
    assert pictures
    assert all(pictures)
    assert complaints == []
    assert {url.partition(":")[0] for url in urls} <= {"file", "data"}


@EVERY_PAGE
def test_a_page_does_not_scroll_sideways(visit):
    page, _, _ = visit
    assert overhang(page) == []
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@REPORTS_ON_A_PHONE
def test_a_picture_of_a_report_is_as_wide_as_a_phone_but_for_margins(visit):
    page, _, _ = visit
    widths = page.evaluate("[...document.images].filter(i => i.checkVisibility()).map(i => i.clientWidth)")
    assert min(widths) >= 0.8 * PHONE


@REPORTS_ON_A_PHONE
def test_nothing_moves_for_readers_who_ask_for_it_nor_on_paper(visit):
    page, _, _ = visit
    film, still = page.locator("img.film"), page.locator("img.still")
    assert (film.is_visible(), still.is_visible()) == (True, False)
    page.emulate_media(reduced_motion="reduce")
    assert (film.is_visible(), still.is_visible()) == (False, True)
    page.emulate_media(reduced_motion="no-preference", media="print")
    assert (film.is_visible(), still.is_visible()) == (False, True)


@pytest.mark.parametrize("visit", [pytest.param((name, DESKTOP), id=name) for name in RUNS], indirect=True)
def test_a_report_prints_within_its_sheets(visit):
    page, _, _ = visit
    # the width of A4 without margins, in CSS pixels
    page.set_viewport_size({"width": 720, "height": 1000})
    page.emulate_media(media="print")
    assert overhang(page) == []
    assert page.pdf(format="A4").startswith(b"%PDF")
