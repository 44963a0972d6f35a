"""The part of docs/gpu.md that is written by programs."""

from __future__ import annotations

from gpu import tables

__all__ = ["MARKS", "written"]

MARKS = {name: (f"<!-- {name}: written by tools/gpu -->", f"<!-- end of {name} -->") for name in ("needs", "roofline")}
"""The lines between which each table stands."""


def written(text: str) -> str:
    """Return a page with its tables written anew.

    Args:
        text: The page, with the marks.

    Raises:
        ValueError: If a mark is not there.
    """
    for name, (begin, end) in MARKS.items():
        before, section, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (section and ended):
            raise ValueError(f"the page lacks '{begin}' or '{end}': put both where the table belongs")
        text = f"{before}{begin}\n\n{getattr(tables, name)()}\n\n{end}{after}"
    return text
