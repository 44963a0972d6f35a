"""Tests that the pages of a site load nothing from outside its folder."""

from __future__ import annotations

import pathlib

import pytest

import offline

pytestmark = pytest.mark.needs()
LINK = '<link rel="canonical" href="//b.org"><link rel="stylesheet" href="//b.org/a.css">'


@pytest.mark.parametrize(
    ("text", "outside"),
    [
        ('<a href="https://b.org">b</a><img src="a.png?v=1#top">', []),
        (f'{LINK}<script src="https://b.org/a.js"></script>', ["//b.org/a.css", "https://b.org/a.js"]),
        ('<video src="//b.org/a.webm" poster="//b.org/a.png"></video>', ["//b.org/a.webm", "//b.org/a.png"]),
        ('<img srcset="a.png 1x, //b.org/a.png 2x"><object data="//b.org/a.svg">', ["//b.org/a.png", "//b.org/a.svg"]),
        ('<p style="background: url(//b.org/a.png)">a</p>', ["//b.org/a.png"]),
        ("<style>@import '//b.org/a.css'; p { background: url(a.png) }</style>", ["//b.org/a.css"]),
        ('<img src="../outside.png"><img src="missing.png">', ["../outside.png", "missing.png"]),
        (f'<img src="data:image/png;base64,{"A" * 999}">', []),
    ],
)
def test_a_page_loads_nothing_from_outside_its_folder(tmp_path: pathlib.Path, text: str, outside: list[str]):
    (tmp_path / "outside.png").touch()
    site = tmp_path / "site"
    site.mkdir()
    (site / "a.png").touch()
    (site / "page.html").write_text(text, encoding="utf-8")
    assert offline.requests(site) == [f"page.html: {address}" for address in outside]
