"""``python -m gpu docs/gpu.md``: compile the kernels for GPUs that are not there, and write the page's tables."""

from __future__ import annotations

import pathlib
import sys

from gpu.page import written

__all__ = ["main"]


def main() -> None:
    """Write the tables into the file that the command line names."""
    (target,) = map(pathlib.Path, sys.argv[1:])
    target.write_text(written(target.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
