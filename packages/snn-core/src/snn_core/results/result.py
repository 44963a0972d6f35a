"""Results of functions: text when printed, shortened at a prompt and in a notebook, and data."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from html import escape
from itertools import groupby
from typing import Any, ClassVar

Line = str | tuple[str, ...]

_LINES, _WIDTH, _LAST = 30, 100, 2


class Result:
    """Base class of results: text when printed, a short text at a prompt, HTML in a notebook, data by ``to_dict``.

    A subclass that is a dataclass takes ``repr=False``.
    """

    __slots__ = ()

    _numbers: ClassVar[str] = "<"  # how the columns of a table after the first are aligned
    _headed: ClassVar[bool] = True  # whether the first row of a table is its head

    def _lines(self) -> list[Line]:
        """Return the lines of the text: each is a text, or a row of a table as a tuple of cells."""
        return [f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in _fields(self).items())})"]

    def to_dict(self) -> dict[str, Any]:
        """Return everything in the result as JSON data."""
        return {name: _plain(value) for name, value in _fields(self).items()}

    def __str__(self) -> str:
        return "\n".join(line for block in self._blocks() for line in self._text(block))

    def __repr__(self) -> str:
        blocks = _shortened([self._text(block, _WIDTH) for block in self._blocks()])
        return "\n".join(line for block in blocks for line in block)

    def _repr_html_(self) -> str:
        return "".join(map(self._html, _shortened(self._blocks())))

    def _blocks(self) -> list[list[Line]]:
        """Return the lines in groups of texts and of rows; a text is a single line."""
        lines = [part for line in self._lines() for part in (line.split("\n") if isinstance(line, str) else [line])]
        return [[*block] for _, block in groupby(lines, type)]

    def _text(self, block: Sequence[Any], width: int | None = None) -> list[str]:
        if isinstance(block[0], tuple):
            return aligned(block, self._numbers, width)
        return [*block] if width is None else [part for line in block for part in _wrapped(line, width)]

    def _html(self, block: Sequence[Any]) -> str:
        if isinstance(block[0], str):
            text = escape("\n".join(block))
            return f'<pre style="white-space: pre-wrap">{text}</pre>'
        head = 1 if self._headed else 0
        rows = [_row("th" if place < head else "td", row, len(block[0])) for place, row in enumerate(block)]
        return f"<table><thead>{''.join(rows[:head])}</thead><tbody>{''.join(rows[head:])}</tbody></table>"


def aligned(rows: Sequence[tuple[str, ...]], numbers: str = "<", width: int | None = None) -> list[str]:
    """Return a line of text for each row, with the cells of each column aligned; long cells are cut to fit a width.

    The columns after the first are aligned as ``numbers`` says, to the left (``<``) or to the right (``>``).
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while width is not None and sum(widths) + 2 * len(widths) - 2 > width:
        widths[widths.index(max(widths))] -= 1
    sides = "<" + numbers * (len(widths) - 1)
    lines = ([f"{_cut(c, w):{s}{w}}" for c, s, w in zip(row, sides, widths, strict=True)] for row in rows)
    return ["  ".join(cells).rstrip() for cells in lines]


def count(number: float) -> str:
    """Format a number of things, a mean over samples, as in 12,345 or 0.25."""
    return f"{number:,.0f}" if number == round(number) or number >= 1000 else f"{number:.3g}"


def share(number: float | None) -> str:
    """Format a rate or a share; ``-`` stands for none."""
    return "-" if number is None else f"{number:.3g}"


def _fields(value: Any) -> dict[str, Any]:
    if hasattr(value, "_asdict"):
        return value._asdict()
    return {field.name: getattr(value, field.name) for field in fields(value) if field.repr}


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_dict()
    value = _fields(value) if is_dataclass(value) or hasattr(value, "_asdict") else value
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [*map(_plain, value)] if isinstance(value, tuple | list) else value


def _shortened(blocks: list[list[Any]]) -> list[list[Any]]:
    """Leave lines out of the longest blocks until all blocks together have no more than a prompt shows."""
    sizes = [*map(len, blocks)]
    for place in sorted(range(len(blocks)), key=lambda place: -sizes[place]):
        excess = max(sum(sizes) - _LINES, 0)
        sizes[place] = max(sizes[place] - excess, min(sizes[place], _LINES // len(blocks)))
    return [_without_middle(block, size) for block, size in zip(blocks, sizes, strict=True)]


def _without_middle(block: list[Any], size: int) -> list[Any]:
    if len(block) <= size:
        return block
    begin, end = size - 1 - _LAST, len(block) - _LAST
    return [*block[:begin], f"... {end - begin} more; to_dict() has them all", *block[end:]]


def _cut(cell: str, width: int) -> str:
    """Return a cell without its middle if it is longer than its column."""
    half = (width - 3) // 2
    return cell if len(cell) <= width else f"{cell[: width - 3 - half]}...{cell[len(cell) - half :]}"


def _wrapped(line: str, width: int) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())] + "  "
    return textwrap.wrap(line, width, subsequent_indent=indent) or [""]


def _row(tag: str, row: Line, columns: int) -> str:
    if isinstance(row, str):
        return f'<tr><td colspan="{columns}">{escape(row)}</td></tr>'
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in row)}</tr>"
