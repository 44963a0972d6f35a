"""One contestant and one program in a process of its own, asked as `bench.worker` is.

``python -m bench.programs.worker CONTESTANT --threads N``. Requests: ``{"do": "hello"}``, ``{"do": "begin",
"program": name}``, ``{"do": "train", "seconds": s}``, ``{"do": "products", "seconds": s}``, ``{"do": "float64",
"program": name}``.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import itertools
import math
import resource
import statistics
import time
import timeit
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from bench import machine, memory
from bench.programs.catalog import PROGRAMS, Outputs, Program
from bench.programs.contestants import CONTESTANTS
from bench.programs.kit import Kit
from bench.programs.nets import gained
from bench.programs.products import products
from bench.worker import answer, calls

STAGES = ("forward", "loss", "backward", "optimizer")
"""The stages of a training step, in order."""


class Training:
    """A program in a library, with its data and its optimizer.

    Example:
        >>> from bench.programs.kits.torch_loop import kit
        >>> small = dataclasses.replace(PROGRAMS["population"], batch=3)
        >>> training = Training(small, kit())
        >>> loss = training.step()
        >>> training.step() != loss
        True
    """

    def __init__(self, program: Program, kit: Kit) -> None:
        torch.manual_seed(0)
        self.program, self.kit = program, kit
        self.net = gained(program.net(kit), program.gains)
        self.xs, self.targets = program.data(torch.Generator().manual_seed(0))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=program.rate)
        self.loss: float = math.nan
        torch.manual_seed(0)  # for dropout, however many numbers the weights took

    def step(self) -> float:
        """Train for one step; return its loss."""
        for _ in self.stages():
            pass
        return self.loss

    def stages(self) -> Iterator[str]:
        """Train for one step; yield each of the `STAGES` when it is over."""
        out = self.kit.run(self.net, self.xs)
        spk, mem = (out, out) if isinstance(out, Tensor) else out
        yield "forward"
        loss = self.program.loss(self.kit, Outputs(spk, mem, self.targets))
        yield "loss"
        self.optimizer.zero_grad()
        loss.backward()
        yield "backward"
        self.optimizer.step()
        self.loss = loss.item()
        yield "optimizer"

    def gradient(self) -> float:
        """Return the norm of the gradient that the last step left."""
        squares = (p.grad.double().square().sum() for p in self.net.parameters() if p.grad is not None)
        return float(sum(squares)) ** 0.5


class Worker:
    """Answers the requests about one library, on so many threads."""

    def __init__(self, name: str, threads: int) -> None:
        self.contestant = CONTESTANTS[name]
        torch.set_num_threads(threads)
        self.training: Any = None

    def hello(self) -> dict[str, Any]:
        """Import the library; return the versions that matter."""
        self._kit()
        return {"versions": machine.versions("python", *self.contestant.distributions)}

    def begin(self, program: str, batch: int | None = None, steps: int | None = None) -> dict[str, Any]:
        """Take the first step of a program, which says how much memory it needs and what it computes.

        Returns:
            ``loss`` and norm of the ``gradient``; number of ``parameters`` that are learned; peak in ``megabytes`` of
            the first step above net, data and library, the optimizer's memory of gradients included; peak in MiB
            of the ``tensors`` that the second step makes.
        """
        entry = _sized(program, batch, steps)
        # the library sets up what it keeps
        Training(dataclasses.replace(entry, batch=2, steps=min(2, entry.steps)), self._kit()).step()
        self.training = Training(entry, self._kit())
        gc.collect()
        peak = memory.Peak()
        loss = self.training.step()
        megabytes, gradient = peak.megabytes(), self.training.gradient()
        learned = [p.numel() for p in self.training.net.parameters() if p.requires_grad]
        return {
            "loss": loss,
            "gradient": gradient,
            "parameters": sum(learned),
            "megabytes": megabytes,
            "tensors": memory.tensors_at_peak(self.training.step),
        }

    def train(self, seconds: float) -> dict[str, Any]:
        """Take steps for so many seconds, one at least.

        Returns:
            Medians of the ``seconds`` of a step, of those of its `STAGES`, and of its minor page ``faults``, without
            the first step of several.
        """
        turns = calls(self._timed, seconds, lambda item: item["seconds"])
        return {way: statistics.median(turn[way] for turn in turns) for way in turns[0]}

    def products(self, seconds: float) -> dict[str, Any]:
        """Compute the products of a step alone, all steps at once and one after another, for so many seconds.

        Returns:
            The median of their ``products`` in seconds, in the faster of the two ways.
        """
        return {"products": min(self._products(at_once, seconds) for at_once in (True, False))}

    def float64(self, program: str, batch: int | None = None, steps: int | None = None) -> dict[str, Any]:
        """Take the first step of a program in float64, from the weights and data of float32; return loss and gradient.

        All that the process computes afterwards is in float64, too.
        """
        entry = _sized(program, batch, steps)
        single = Training(entry, self._kit())
        torch.set_default_dtype(torch.float64)
        training = Training(entry, self._kit())
        for parameter, start in zip(training.net.parameters(), single.net.parameters(), strict=True):
            parameter.data.copy_(start)
        training.xs, training.targets = single.xs.double(), single.targets.to(training.targets.dtype)
        return {"loss": training.step(), "gradient": training.gradient()}

    def _products(self, at_once: bool, seconds: float) -> float:
        compute = products(self.training.net, self.training.xs, self.training.kit.run, at_once)
        return statistics.median(calls(lambda: timeit.timeit(compute, number=1), seconds, float))

    def _timed(self) -> dict[str, float]:
        before, start = _faults(), time.perf_counter()
        ends = {stage: time.perf_counter() for stage in self.training.stages()}
        faults = _faults() - before
        took = [end - begin for begin, end in itertools.pairwise([start, *ends.values()])]
        return {"seconds": sum(took), "faults": faults} | dict(zip(ends, took, strict=True))

    def _kit(self) -> Kit:
        module = importlib.import_module(f"bench.programs.kits.{self.contestant.module}")
        return module.kit(**self.contestant.options)


def _sized(program: str, batch: int | None, steps: int | None) -> Program:
    entry = PROGRAMS[program]
    return dataclasses.replace(entry, batch=batch or entry.batch, steps=steps or entry.steps)


def _faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


if __name__ == "__main__":
    answer(CONTESTANTS, Worker)
