"""One contestant and one program in a process of its own, asked as `bench.worker` is.

``python -m bench.programs.worker CONTESTANT --threads N``. Requests: ``{"do": "hello"}``, ``{"do": "begin",
"program": name}``, ``{"do": "train", "seconds": s}``.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import resource
import statistics
import time
from typing import Any

import torch

from bench import machine, memory
from bench.programs.catalog import PROGRAMS, Outputs, Program
from bench.programs.contestants import CONTESTANTS
from bench.programs.kit import Kit
from bench.programs.nets import gained
from bench.worker import answer, calls


class Training:
    """A program in a library, with its data and its optimizer.

    Args:
        program: The program.
        kit: The library.

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

    def step(self) -> float:
        """Train for one step: forward, loss, backward, optimizer."""
        spk, mem = self.kit.run(self.net, self.xs)
        loss = self.program.loss(self.kit, Outputs(spk, mem, self.targets))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def gradient(self) -> float:
        """Norm of the gradient that the last step left."""
        squares = (p.grad.double().square().sum() for p in self.net.parameters() if p.grad is not None)
        return float(sum(squares)) ** 0.5


class Worker:
    """Answers the requests about one contestant.

    Args:
        name: Its name.
        threads: How many threads it may use.
    """

    def __init__(self, name: str, threads: int) -> None:
        self.contestant = CONTESTANTS[name]
        torch.set_num_threads(threads)
        self.training: Any = None

    def hello(self) -> dict[str, Any]:
        """Import the library; the versions that matter."""
        self._kit()
        return {"versions": machine.versions("python", *self.contestant.distributions)}

    def begin(self, program: str, batch: int | None = None, steps: int | None = None) -> dict[str, Any]:
        """Take the first step of a program, which says how much memory it needs and what it computes.

        Args:
            program: Its name.
            batch: Number of samples in place of the program's own.
            steps: Number of time steps in place of the program's own.

        Returns:
            ``loss`` and norm of the ``gradient``; number of ``parameters`` that are learned; peak in ``megabytes`` of
            the first step above net, data and library, the optimizer's memory of gradients included.
        """
        entry = PROGRAMS[program]
        entry = dataclasses.replace(entry, batch=batch or entry.batch, steps=steps or entry.steps)
        # for what a library sets up once and keeps
        Training(dataclasses.replace(entry, batch=2, steps=min(2, entry.steps)), self._kit()).step()
        self.training = Training(entry, self._kit())
        gc.collect()
        peak = memory.Peak()
        loss = self.training.step()
        learned = [p.numel() for p in self.training.net.parameters() if p.requires_grad]
        return {
            "loss": loss,
            "gradient": self.training.gradient(),
            "parameters": sum(learned),
            "megabytes": peak.megabytes(),
        }

    def train(self, seconds: float) -> dict[str, Any]:
        """Take steps for so many seconds, one at least.

        Returns:
            Medians of the ``seconds`` and of the minor page ``faults`` of a step, without the first of several.
        """
        turns = calls(self._timed, seconds, lambda item: item[0])
        seconds_of, faults_of = zip(*turns, strict=True)
        return {"seconds": statistics.median(seconds_of), "faults": statistics.median(faults_of)}

    def _timed(self) -> tuple[float, int]:
        before, start = _faults(), time.perf_counter()
        self.training.step()
        return time.perf_counter() - start, _faults() - before

    def _kit(self) -> Kit:
        module = importlib.import_module(f"bench.programs.kits.{self.contestant.module}")
        return module.kit(**self.contestant.options)


def _faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


if __name__ == "__main__":
    answer(CONTESTANTS, Worker)
