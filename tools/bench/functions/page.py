"""The page of the documentation."""

from __future__ import annotations

from typing import Any

from bench.functions import tables
from bench.tables import sections

_HEAD = """# Benchmarks of single functions

`nox -s bench -- --functions --page docs/benchmarks-functions.md` wrote this page from one run. It measures every
function of snn-functional, snn-spikegen and snn-data that snnTorch {peer} has too, on the same arrays: 100 time steps,
128 samples, 1000 neurons or classes, float32, and the defaults unless the row says otherwise.

How it is measured: each library runs in its own processes, with the number of threads in the last table. They take
turns, one first and then the other, {rounds} rounds (monitors: three times as many) in six pairs of processes, each
after one that is dropped. *snnTorch takes* is how many times longer: the median of the ratios within a round, forward
and backward together, quartiles in brackets. The *target* is reached if the upper quartile is at least 98 % of it, as
two runs of one function may differ by 2 %. The milliseconds are medians of forward + backward; memory is the peak of
one call above the memory in use before it, result included. *Difference* is the largest difference between the results
of the two, gradients included, as a share of the largest number.

All figures are from one machine: {processor}, {cores} cores. Only ratios are roughly valid for another machine.
"""


def page(results: dict[str, Any]) -> str:
    """The page of what ``dist/bench-functions.json`` holds."""
    head = _HEAD.format(
        peer=results["versions"]["snntorch"]["snntorch"], rounds=results["rounds"], **results["machine"]
    )
    return f"{head}\n{sections(tables.every(results))}\n"
