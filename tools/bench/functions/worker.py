"""One library's functions in a process of its own, asked over its standard input.

``python -m bench.functions.worker LIBRARY --threads N``. Requests: ``{"do": "hello"}``, ``{"do": "prepare", "case":
name}``, ``{"do": "result", "folder": path}``, ``{"do": "turn", "seconds": s}``, ``{"do": "memory", "case": name}``.
"""

from __future__ import annotations

import gc
import pathlib
import statistics
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from bench import machine, memory
from bench.functions.case import Call, Draw
from bench.functions.cases import CASES
from bench.functions.library import DISTRIBUTIONS, LIBRARIES, imported
from bench.worker import answer, calls

_MOST_CALLS = 1000  # in one turn: the first calls of a function that takes microseconds are slower than the others


class Worker:
    """Answers the requests about one library, on so many threads."""

    call: Call

    def __init__(self, library: str, threads: int) -> None:
        self.library = library
        torch.set_num_threads(threads)

    def hello(self) -> dict[str, Any]:
        """Import the library; return its versions."""
        imported(self.library)
        return {"versions": machine.versions(*DISTRIBUTIONS[self.library])}

    def prepare(self, case: str) -> dict[str, Any]:
        """Make the arrays, and call the function once."""
        self.call = CASES[case].make(imported(self.library), Draw())
        gc.collect()
        self._once()
        return {}

    def result(self, folder: str) -> dict[str, Any]:
        """Call once more, and save the result and the gradients in a folder."""
        out = self.call.forward()
        if self.call.leaves:
            self.call.backward(out)
        result = [*tree_leaves(out), *(leaf.grad for leaf in self.call.leaves)]
        arrays: list[Any] = [leaf.detach().numpy() if isinstance(leaf, Tensor) else leaf for leaf in result]
        np.savez(pathlib.Path(folder) / f"{self.library}.npz", *arrays)
        return {}

    def turn(self, seconds: float) -> dict[str, Any]:
        """Call for so many seconds; return the median seconds forward and backward, without the first call."""
        forward, backward = zip(*calls(self._once, seconds, sum, _MOST_CALLS), strict=True)
        medians = {"forward": statistics.median(forward)}
        return medians | ({"backward": statistics.median(backward)} if self.call.leaves else {})

    def memory(self, case: str) -> dict[str, Any]:
        """Return the peak of one call above the memory in use before, in a fresh process."""
        self.prepare(case)
        gc.collect()
        peak = memory.Peak()
        self._once()
        return {"megabytes": peak.megabytes()}

    def _once(self) -> tuple[float, float]:
        start = time.perf_counter()
        out = self.call.forward()
        between = time.perf_counter()
        if self.call.leaves:
            self.call.backward(out)
        return between - start, time.perf_counter() - between


if __name__ == "__main__":
    answer(LIBRARIES, Worker)
