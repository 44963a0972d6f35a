"""Compile the kernels for GPUs without having them, and write the page's tables: ``python -m gpu docs/gpu.md``."""

from __future__ import annotations

import pathlib
import sys

from gpu import tables
from marked import Part

PARTS = {
    name: Part(f"<!-- {name}: written by tools/gpu -->", f"<!-- end of {name} -->") for name in ("needs", "roofline")
}
"""The parts of the page, by the table that each has."""


def written(text: str) -> str:
    """Return a page with its tables replaced."""
    for name, part in PARTS.items():
        text = part.put(text, getattr(tables, name))
    return text


def main() -> None:
    """Write the tables into the file that the command line names."""
    (target,) = map(pathlib.Path, sys.argv[1:])
    target.write_text(written(target.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
