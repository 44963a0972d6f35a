"""The page of the documentation."""

from __future__ import annotations

from typing import Any

from bench.functions import tables
from bench.tables import sections

_HEAD = """# Benchmarks of single functions

`nox -s bench -- --functions --page docs/benchmarks-functions.md` wrote this page from one run. It measures every
function of snn-functional, snn-spikegen and snn-data that snnTorch {peer} has too, on the same arrays: 100 time steps,
128 samples, 1000 neurons or classes, float32, and the defaults unless the row says otherwise.

How it is measured: each library runs in its own processes, with the number of threads in the last table. The two take
turns for {rounds} rounds (monitors: three times as many), spread over six pairs of processes; the first round of each
pair is dropped. *snnTorch takes* says how many times as long as snn it takes: the median of the ratios within a round,
forward and backward together, with quartiles in parentheses. The *target* is reached if the upper quartile is at least
98 % of it, because two runs of the same function may differ by 2 %. The milliseconds are medians of forward + backward;
memory is the peak of one call above the memory in use before it, including the result. *Difference* is the largest
difference between the two results, gradients included, as a share of the largest number.

All figures are from one machine: {processor}, {cores} cores. On another machine, expect only the ratios to be roughly
the same.
"""


def page(results: dict[str, Any]) -> str:
    """Return the page of the results in ``dist/bench-functions.json``."""
    head = _HEAD.format(
        peer=results["versions"]["snntorch"]["snntorch"], rounds=results["rounds"], **results["machine"]
    )
    return f"{head}\n{sections(tables.every(results))}\n"
