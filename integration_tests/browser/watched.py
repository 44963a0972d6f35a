"""A page of a browser, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from playwright.sync_api import Browser, Page, Request

__all__ = ["DESKTOP", "PHONE", "Watched", "overhang", "watched", "whole"]

DESKTOP, PHONE = 1280, 390


class Watched(NamedTuple):
    """A page, all that it complained of, and all that it asked for."""

    page: Page
    complaints: list[str]
    asked: list[str]


@contextmanager
def watched(browser: Browser, width: int) -> Iterator[Watched]:
    """A page in a window of some width that nothing was opened in yet.

    Args:
        browser: The browser.
        width: In CSS pixels.

    Yields:
        The page and what it says.
    """
    context = browser.new_context(viewport={"width": width, "height": 844}, reduced_motion="no-preference")
    page = context.new_page()
    complaints: list[str] = []
    urls: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.extend(_failure(request)))
    page.on("request", lambda request: urls.append(request.url))
    yield Watched(page, complaints, urls)
    context.close()


def _failure(request: Request) -> list[str]:
    # who goes on to another page aborts what the last one was still asking for
    return [] if request.failure == "net::ERR_ABORTED" else [f"failed: {request.url[:100]}: {request.failure}"]


def whole(page: Page) -> list[bool]:
    """Check that each picture of a page has pixels, including those hidden until the page is printed.

    Args:
        page: The page.

    Returns:
        A verdict for each.
    """
    widths = page.evaluate(
        """Promise.all([...document.images].map(i => {
            i.loading = "eager";
            return i.decode().then(() => i.naturalWidth, () => 0);
        }))"""
    )
    return [width > 0 for width in widths]


def overhang(page: Page) -> list[str]:
    """Elements that stick out of a page, but for what scrolls by itself.

    Args:
        page: The page.

    Returns:
        The beginning of each.
    """
    return page.evaluate(
        """[...document.querySelectorAll("main *, article *, img")]
            .filter(e => !e.closest(".wide, pre, .table-wrapper, math") && e.checkVisibility())
            .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
            .map(e => e.outerHTML.slice(0, 100))"""
    )
