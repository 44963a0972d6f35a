"""``python -m trust FILE``: measure every neuron and write the page."""

from __future__ import annotations

import pathlib
import sys

from trust.page import page


def main() -> None:
    """Write the page to the file that the command line names."""
    (target,) = sys.argv[1:]
    pathlib.Path(target).write_text(page(), encoding="utf-8")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
