"""Measure every neuron and write the tables of the page: ``python -m trust FILE``."""

from __future__ import annotations

import pathlib
import sys

from trust.page import PART, measured


def main() -> None:
    """Write the tables into the file that the command line names."""
    (target,) = sys.argv[1:]
    PART.write(pathlib.Path(target), measured)
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
