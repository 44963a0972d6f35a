"""The section of ``docs/benchmarks.md`` on programs.

``python -m bench.programs.page dist/bench-programs.json docs/benchmarks.md`` writes it anew.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from bench.programs import tables

__all__ = ["BEGIN", "END", "kept", "main", "page"]

BEGIN, END = "<!-- programs: written by tools/bench/programs -->", "<!-- end of the programs -->"

_HEAD = """## Whole training steps

One run wrote these tables:

`{command}`

A training step is forward, loss, backward and Adam. The nets are those of snnTorch's tutorials, a recurrent net over
250 steps and a small residual one. Each is written for each library as its users would write it, with the same number
of parameters and the same initial weights; one neuron in ten fires in a step. "One image" is the same input in each of
the T steps, and the batch is 128 unless stated otherwise.

Each library runs each program in its own process. The first step measures the memory and checks the numbers: a library
whose loss and gradient should equal ours, but do not, is not timed. Then all take turns, in another order in each
round; the first round is dropped, and {rounds} rounds count. Times and page faults are medians over the rounds. A ratio
is the median of the ratios within a round, quartiles in brackets. A *minor page fault* is a page of memory, 4 KiB here,
that the system found and cleared when it was first written; after `snn_cpu.tune_allocator()` there are few.
"""


def page(text: str, found: dict[str, Any]) -> str:
    r"""Return the page with the section of other results.

    Args:
        text: The page as it is.
        found: What ``dist/bench-programs.json`` holds.

    Raises:
        ValueError: If the page has not both marks of the section.

    Example:
        >>> page("# Benchmarks", {})
        Traceback (most recent call last):
        ...
        ValueError: the page needs the lines '<!-- programs: ...', between which the section goes
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN!r} and {END!r}, between which the section goes")
    made = "\n\n".join(f"### {one.title}\n\n{one.markdown()}" for one in tables.every(found))
    return f"{before}{begin}\n\n{_HEAD.format(**found)}\n{made}\n\n{end}{after}"


def kept(text: str) -> str:
    r"""Return the section of a page with its marks, which alone are left where there is none.

    Args:
        text: The page.

    Example:
        >>> kept(f"# Benchmarks\n{BEGIN}\nfigures\n{END}\nmore").splitlines()[1]
        'figures'
        >>> kept("").splitlines() == [BEGIN, END]
        True
    """
    _, begin, rest = text.partition(BEGIN)
    section, end, _ = rest.partition(END)
    return f"{begin}{section}{end}" if begin and end else f"{BEGIN}\n{END}"


def main() -> None:
    """Write the section from the command line's JSON file into its other file."""
    source, target = map(pathlib.Path, sys.argv[1:])
    found = json.loads(source.read_text(encoding="utf-8"))
    target.write_text(page(target.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
