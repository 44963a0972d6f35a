"""One library's functions in a process of its own, asked as `bench.worker` is.

``python -m bench.functions.worker LIBRARY --threads N``. Requests: ``{"do": "hello"}``, ``{"do": "prepare", "case":
name}``, ``{"do": "result", "folder": path}``, ``{"do": "turn", "seconds": s}``, ``{"do": "memory", "case": name}``.
"""

from __future__ import annotations

import gc
import itertools
import pathlib
import statistics
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from bench import machine, memory
from bench.functions.cases import CASES, LIBRARIES, Draw, imported
from bench.worker import answer, calls

_MOST_CALLS = 1000  # in one turn: the first calls of a function that takes microseconds are slower than the others


class Worker:
    """Answers the requests about one library, on so many threads."""

    def __init__(self, library: str, threads: int) -> None:
        self.library = library
        torch.set_num_threads(threads)

    def hello(self) -> dict[str, Any]:
        """Import the library; return its versions."""
        imported(self.library)
        return {"versions": machine.versions(*LIBRARIES[self.library])}

    def prepare(self, case: str) -> dict[str, Any]:
        """Make the arrays, and call the function once."""
        self.call, self.leaves = CASES[case].make(imported(self.library), Draw())
        gc.collect()
        self.once()
        return {}

    def result(self, folder: str) -> dict[str, Any]:
        """Call once more, and save the result and the gradients in a folder."""
        out, _ = self.once()
        result = [*tree_leaves(out), *(leaf.grad for leaf in self.leaves)]
        arrays: list[Any] = [leaf.detach().numpy() if isinstance(leaf, Tensor) else leaf for leaf in result]
        np.savez(pathlib.Path(folder) / f"{self.library}.npz", *arrays)
        return {}

    def turn(self, seconds: float) -> dict[str, Any]:
        """Call for so many seconds; return the median seconds forward and backward, without the first call."""
        times = zip(*calls(lambda: self.once()[1], seconds, sum, _MOST_CALLS), strict=True)
        return dict(zip(("forward", "backward"), map(statistics.median, times), strict=False))

    def memory(self, case: str) -> dict[str, Any]:
        """Return the peak of one call above the memory in use before, in a fresh process."""
        self.prepare(case)
        gc.collect()
        peak = memory.Peak()
        self.once()
        return {"megabytes": peak.megabytes()}

    def once(self) -> tuple[Any, list[float]]:
        """Call; return the result, and the seconds forward and, if something gets a gradient, backward."""
        for leaf in self.leaves:
            leaf.grad = None
        marks = [time.perf_counter()]
        out = self.call()
        marks.append(time.perf_counter())
        if self.leaves:
            out.backward(torch.ones_like(out))
            marks.append(time.perf_counter())
        return out, [after - before for before, after in itertools.pairwise(marks)]


if __name__ == "__main__":
    answer(LIBRARIES, Worker)
