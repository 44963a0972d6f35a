"""The section of ``docs/benchmarks.md`` on programs."""

from __future__ import annotations

import statistics
from typing import Any

from bench.programs import tables
from bench.tables import figure, sections
from marked import Part

PART = Part("<!-- programs: written by tools/bench/programs -->", "<!-- end of the programs -->")

_HEAD = """## Whole training steps

![The speedup of each program over snnTorch's loop](landing/faster.svg)

{conclusion}
One run of `{command}` wrote these tables; [how it measures](#how-the-programs-are-measured) follows them.
"""
_METHOD = """### How the programs are measured

A training step is forward, loss, backward and Adam. The nets are those of snnTorch's tutorials, a recurrent net over
250 steps, a small residual one, four with batch norm and dropout, and two deep ones with the layers of `snn-models`;
fewer libraries run the last six. Each is written for each library as its users would write it, with the same number of
parameters and the same initial weights; one neuron in ten fires in a step. "One image" means that the input is the same
in each of the T steps. The batch is 128 unless stated otherwise.

Each library runs each program in its own process. The first step measures the memory and checks the numbers: a library
whose loss and gradient should equal ours, but do not, is not timed. They are the same if both differ by at most 1e-5,
thirty times what rounding in float32 causes here. A sum in a different order can still move a membrane that is within
rounding of its threshold to the other side, and the spike that is lost or gained causes others. So where the
differences are larger, but at most 1e-2 in the loss and 5e-2 in the gradient, the step is repeated in float64 with the
same weights and data; if both then differ by at most 1e-9, they are the same *in float64*.

Then the libraries take turns, in a different order in each round; the first round is dropped, and {rounds} rounds
count. Times and page faults are medians over the rounds. A ratio is the median of the ratios within a round, with
quartiles in parentheses. A *minor page fault* occurs when a program first writes to a page of memory, 4 KiB here, which
the system then has to find and clear; after `snn_cpu.tune_allocator()` there are few. *Peak memory* is that of the
process; a few MiB of it depend on where the allocator finds room. For the second step, the memory of the tensors that
the step makes is counted, as torch's allocator hands it out.

*Products alone* are the matrix products and convolutions of the step, forward and backward, computed by PyTorch without
neurons, loss or optimizer, over all steps at once or one step after another, whichever is faster; a constant input is
multiplied only once. Forward and backward together can take less time than these products only where zeros are skipped.
"""


def page(text: str, results: dict[str, Any]) -> str:
    """Return the page with the section of these results; raise a ValueError if it lacks the lines around it."""
    head = _HEAD.format(conclusion=conclusion(tables.times_faster(results)), **results)
    method = _METHOD.format(**results).rstrip()
    return PART.put(text, lambda: f"{head}\n{sections(tables.every(results), '###')}\n\n{method}")


def conclusion(times: list[float]) -> str:
    r"""Say how many times faster ``unroll`` is than the loop of the peer; nothing without such ratios.

    Example:
        >>> conclusion([2.0, 8.56, 1.25])
        "`unroll` trains these programs 1.25 to 8.56 times as fast as snnTorch's loop, the median program 2 times.\n"
    """
    if not times:
        return ""
    low, middle, high = (figure(number) for number in (min(times), statistics.median(times), max(times)))
    return (
        f"`unroll` trains these programs {low} to {high} times as fast as snnTorch's loop, "
        f"the median program {middle} times.\n"
    )
