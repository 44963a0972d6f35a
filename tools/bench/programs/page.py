"""The section of ``docs/benchmarks.md`` on programs."""

from __future__ import annotations

from typing import Any

from bench.programs import tables
from bench.tables import sections
from marked import Part

PART = Part("<!-- programs: written by tools/bench/programs -->", "<!-- end of the programs -->")

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
*Peak memory* is the process's, in which a few MiB hang on where its allocator finds room; of a second step, the tensors
that it makes are counted as torch's allocator hands them out.

*Products alone* are the matrix products and convolutions of the step, forward and backward, by PyTorch, over all steps
at once or one step after another, whichever takes less; a constant input once; no neuron, loss or optimizer. Forward
and backward together can be shorter than that only where zeros are left out.
"""


def page(text: str, results: dict[str, Any]) -> str:
    """Return the page with the section of other results; a ValueError if it lacks a line around the section."""
    return PART.put(text, lambda: f"{_HEAD.format(**results)}\n{sections(tables.every(results), '###')}")
