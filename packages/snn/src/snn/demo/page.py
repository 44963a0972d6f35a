"""The parts of a standalone HTML page, which contains everything that a browser needs."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from snn.demo.figures import Picture

__all__ = [
    "bar",
    "document",
    "facts",
    "film",
    "figure",
    "number_tiles",
    "paragraph",
    "section",
    "side_by_side",
    "table",
]


def document(title: str, *parts: str) -> str:
    """Return a whole page.

    Args:
        title: What a browser's tab shows.
        *parts: HTML of its parts.

    Returns:
        HTML.

    Example:
        >>> document("a < b").splitlines()[:5][-1]
        '<title>a &lt; b</title>'
    """
    style = resources.files("snn.demo").joinpath("report.css").read_text(encoding="utf-8")
    head = (
        "<!doctype html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style}</style>",
        "<main>",
    )
    return "\n".join((*head, *parts, "</main>", "</html>", ""))


def section(heading: str, *parts: str) -> str:
    r"""Return a part of the page with a heading.

    Args:
        heading: Text.
        *parts: HTML.

    Returns:
        HTML.

    Example:
        >>> section("Training", paragraph("It went well."))
        '<section>\n<h2>Training</h2>\n<p>It went well.</p>\n</section>'
    """
    return "\n".join(("<section>", f"<h2>{escape(heading)}</h2>", *parts, "</section>"))


def paragraph(text: str, *, warning: bool = False) -> str:
    """Return a paragraph.

    Args:
        text: Text.
        warning: Whether it tells of something to look into.

    Returns:
        HTML.

    Example:
        >>> paragraph("1 < 2")
        '<p>1 &lt; 2</p>'
    """
    kind = ' class="warning"' if warning else ""
    return f"<p{kind}>{escape(text)}</p>"


def figure(picture: Picture, title: str, text: str = "") -> str:
    r"""Return a picture with its caption above it.

    Args:
        picture: The picture.
        title: What the caption begins with.
        text: How it goes on.

    Returns:
        HTML.

    Example:
        >>> figure(Picture(b"", "A dog", 3, 2), "Dog")[:55]
        '<figure><figcaption><strong>Dog</strong></figcaption>\n<'
    """
    return f"<figure>{_caption(title, text)}\n{_image(picture)}</figure>"


def film(moving: Picture, still: Picture, title: str, text: str = "") -> str:
    """Return a film with its caption, and its last frame for paper and for readers who want no motion.

    Args:
        moving: The film, an animated picture.
        still: Its last frame.
        title: What the caption begins with.
        text: How it goes on.

    Returns:
        HTML.

    Example:
        >>> film(Picture(b"", "A dog runs", 3, 2), Picture(b"", "A dog", 3, 2), "Dog").count("<img")
        2
    """
    pictures = f"{_image(moving, 'film')}\n{_image(still, 'still')}"
    return f"<figure>{_caption(title, text)}\n{pictures}</figure>"


def side_by_side(parts: Iterable[str], *, kind: str = "pictures") -> str:
    r"""Return parts that stand beside each other if there is room.

    Args:
        parts: HTML of each.
        kind: ``"pictures"`` or ``"tables"``.

    Returns:
        HTML.

    Example:
        >>> side_by_side(["<p>1</p>", "<p>2</p>"])
        '<div class="pictures">\n<p>1</p>\n<p>2</p>\n</div>'
    """
    return "\n".join((f'<div class="{kind}">', *parts, "</div>"))


def number_tiles(numbers: Mapping[str, str]) -> str:
    r"""Return numbers that readers see first.

    Args:
        numbers: What each is, and the number as text.

    Returns:
        HTML.

    Example:
        >>> number_tiles({"seconds": "3"})
        '<dl class="numbers">\n<div><dt>seconds</dt><dd>3</dd></div>\n</dl>'
    """
    tiles = (f"<div><dt>{escape(name)}</dt><dd>{escape(number)}</dd></div>" for name, number in numbers.items())
    return "\n".join(('<dl class="numbers">', *tiles, "</dl>"))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Return a table of numbers with the names of its rows in the first column.

    Args:
        head: Text above each column.
        rows: Cells of each row, HTML.
        caption: What the table is, for readers who cannot see it.

    Returns:
        HTML; where it is too wide it scrolls by itself.

    Example:
        >>> table(["Layer", "Neurons"], [["hidden", "300"]], "Layers").splitlines()[-1]
        '<tbody><tr><th scope="row">hidden</th><td class="number">300</td></tr></tbody></table></div>'
    """
    first, *others = head
    heads = f'<th scope="col">{escape(first)}</th>'
    heads += "".join(f'<th scope="col" class="number">{escape(other)}</th>' for other in others)
    lines = (
        f'<tr><th scope="row">{name}</th>' + "".join(f'<td class="number">{cell}</td>' for cell in cells) + "</tr>"
        for name, *cells in rows
    )
    opening = f'<div class="wide" role="region" aria-label="{escape(caption)}" tabindex="0">'
    return f"{opening}<table><thead><tr>{heads}</tr></thead>\n<tbody>" + "\n".join(lines) + "</tbody></table></div>"


def facts(values: Mapping[str, Any]) -> str:
    r"""Return a table of names and values.

    Args:
        values: Text, numbers or lists; underscores of the names become spaces.

    Returns:
        HTML.

    Example:
        >>> facts({"split_seed": 0})
        '<table class="facts"><tbody>\n<tr><th scope="row">split seed</th><td>0</td></tr>\n</tbody></table>'
    """
    rows = (
        f'<tr><th scope="row">{escape(name).replace("_", " ")}</th><td>{_value(value)}</td></tr>'
        for name, value in values.items()
    )
    return "\n".join(('<table class="facts"><tbody>', *rows, "</tbody></table>"))


def bar(share: float) -> str:
    """Return a bar beside a number, which is hidden from readers who cannot see it.

    Args:
        share: How much of it is filled, in [0, 1].

    Returns:
        HTML.

    Example:
        >>> bar(0.5)
        '<span class="bar" aria-hidden="true"><span style="width: 50.0%"></span></span>'
    """
    return f'<span class="bar" aria-hidden="true"><span style="width: {100 * share:.1f}%"></span></span>'


def _caption(title: str, text: str) -> str:
    return f"<figcaption><strong>{escape(title)}</strong>{' ' * bool(text)}{escape(text)}</figcaption>"


def _image(picture: Picture, kind: str = "") -> str:
    data = base64.b64encode(picture.png).decode("ascii")
    named = f' class="{kind}"' if kind else ""
    size = f'width="{picture.width}" height="{picture.height}"'
    return f'<img{named} {size} alt="{escape(picture.alt)}" src="data:image/png;base64,{data}">'


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "<br>".join(escape(str(item)) for item in value)
    return escape(str(value))
