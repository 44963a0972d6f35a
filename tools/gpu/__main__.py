"""``python -m gpu docs/gpu.md``: compile the kernels for GPUs that are not there, and write the page's tables."""

from __future__ import annotations

import pathlib
import sys

from gpu import tables
from marked import Part

PARTS = {
    name: Part(f"<!-- {name}: written by tools/gpu -->", f"<!-- end of {name} -->") for name in ("needs", "roofline")
}
"""The parts of the page by their table."""


def written(text: str) -> str:
    """Return a page with its tables written anew."""
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
