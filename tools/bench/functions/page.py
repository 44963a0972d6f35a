"""The page of the documentation: ``python -m bench.functions.page dist/bench-functions.json docs/...``."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from bench.functions import tables

__all__ = ["main", "page"]

_HEAD = """# Benchmarks of single functions

Generated from the figures of one run: `nox -s bench -- --functions --page docs/benchmarks-functions.md`. Every function
of snn-functional, snn-spikegen and snn-data that snnTorch {peer} has too, on the same arrays: 100 time steps, 128
samples, 1000 neurons or classes, float32, and otherwise the defaults, but where the row says more.

How it is measured: each library runs in processes of its own, with as many threads as the last table says. They take
turns, one first and then the other, {rounds} rounds (monitors: three times as many) in six pairs of processes, each
after one that is dropped. *snnTorch takes* is how many times longer: the median of the ratios within a round, forward
and backward together, quartiles in brackets. The *target* is reached where the upper quartile reaches 98 % of it, as
two runs of one function may differ by the rest. The milliseconds are those of forward + backward, medians; memory is
the peak of one call above what was held before it, result included. *Difference* is the largest one between what the
two return, gradients included, as a share of the largest number.

All figures are from one machine: {processor}, {cores} cores. Only ratios carry over to another machine, and those
roughly.
"""


def page(found: dict[str, Any]) -> str:
    """The page.

    Args:
        found: What ``dist/bench-functions.json`` holds.

    Returns:
        Markdown.
    """
    head = _HEAD.format(peer=found["versions"]["snntorch"]["snntorch"], rounds=found["rounds"], **found["machine"])
    return "\n".join([head, *(f"## {one.title}\n\n{one.markdown()}\n" for one in tables.every(found))])


def main() -> None:
    """Write the page from the command line's JSON file to its other file."""
    source, target = map(pathlib.Path, sys.argv[1:])
    target.write_text(page(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
