"""The part of a page that a program writes, between two marker lines that stay."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import NamedTuple


class Part(NamedTuple):
    r"""A part of a page, between two marker lines.

    Example:
        >>> part = Part("<!-- begin -->", "<!-- end -->")
        >>> part.put("Before\n<!-- begin -->\nold\n<!-- end -->\nafter", lambda: "new").splitlines()
        ['Before', '<!-- begin -->', '', 'new', '', '<!-- end -->', 'after']
    """

    begin: str  # the line before it
    end: str  # the line after it
    page: str = "the page"  # what the page is called in an error

    def put(self, text: str, make: Callable[[], str]) -> str:
        """Return a page with this part replaced; a ValueError names the marker lines if the page does not have them."""
        before, begin, rest = text.partition(self.begin)
        _, end, after = rest.partition(self.end)
        if not (begin and end):
            raise ValueError(
                f"{self.page} needs the lines {self.begin!r} and {self.end!r}, between which the section goes"
            )
        return f"{before}{begin}\n\n{make()}\n\n{end}{after}"

    def write(self, file: pathlib.Path, make: Callable[[], str]) -> None:
        """Replace this part of a page in its file."""
        file.write_text(self.put(file.read_text(encoding="utf-8"), make), encoding="utf-8")

    def part(self, text: str) -> str:
        """Return this part of a page with its marker lines, or only these lines if the page does not have the part."""
        _, begin, rest = text.partition(self.begin)
        section, end, _ = rest.partition(self.end)
        return f"{begin}{section}{end}" if begin and end else f"{self.begin}\n{self.end}"
