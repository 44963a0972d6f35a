"""Tables of text that a notebook shows as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

Row = Sequence[str]


class Table:
    """A table with notes under it."""

    def rows(self) -> list[Row]:
        """Return the rows, beginning with the head; the last one is for the whole net."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Return the lines under the table."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join([*aligned(self.rows()), *self.notes()])

    def _repr_html_(self) -> str:
        head, *rows = self.rows()
        body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes())
        return f"<table><thead><tr>{_cells('th', head)}</tr></thead><tbody>{body}</tbody></table>{notes}"


def aligned(rows: Sequence[Row]) -> list[str]:
    """Return a line of text for each row, with the cells of each column aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cells(tag: str, row: Row) -> str:
    return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)


def count(number: float) -> str:
    """Format a number of things, a mean over samples, as in 12,345 or 0.25."""
    return f"{number:,.0f}" if number == round(number) or number >= 1000 else f"{number:.3g}"


def share(number: float | None) -> str:
    """Format a rate or a share; ``-`` stands for none."""
    return "-" if number is None else f"{number:.3g}"
