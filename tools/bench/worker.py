"""One library in a process of its own, asked over its standard input: a request and an answer are a line of JSON each.

``python -m bench.worker PEER --threads N``. Requests: ``{"do": "hello"}``, ``{"do": "prepare", "workload": {...},
"data": folder}``, ``{"do": "result", "data": folder}``, ``{"do": "train" | "infer", "seconds": s}``,
``{"do": "memory", ...}``, ``{"do": "limits"}``, ``{"do": "stages"}``. A ``reason`` in an answer
says why the request failed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
import importlib
import json
import os
import pathlib
import re
import statistics
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from bench import limits, machine, memory
from bench.data import Arrays, load, save
from bench.peers.registry import PEERS
from bench.workloads import Workload

_MOST_CALLS = 10  # of one turn


class Worker:
    """Answers the requests about one library, on so many threads."""

    def __init__(self, peer: str, threads: int) -> None:
        self.peer = PEERS[peer]
        self.threads = threads
        self.trial: Any = None

    def hello(self) -> dict[str, Any]:
        """Import the library; return the versions that matter."""
        self._module()
        return {"versions": machine.versions("python", *self.peer.distributions), "kernels": self._kernels()}

    def prepare(self, workload: dict[str, Any], data: str, **options: Any) -> dict[str, Any]:
        """Build the net; raise a NotImplementedError if the library has no such neuron."""
        self.trial = None  # frees the last one's memory
        gc.collect()
        spec = _workload(workload)
        if self.peer.leaky_only and spec.neuron != "leaky":
            raise NotImplementedError("it has no neuron with these equations")
        self.trial = self._module().make(spec, load(pathlib.Path(data)), **self.peer.options, **options)
        return {}

    def result(self, data: str) -> dict[str, Any]:
        """Run once, and save spikes and gradient in a folder."""
        spk, gradient = self.trial.result()
        save(pathlib.Path(data), {"spk": spk, "gradient": gradient})
        return {"rate": float(spk.mean())}

    def train(self, seconds: float) -> dict[str, Any]:
        """Run forward and backward for so many seconds; return the medians, without the first of several calls."""
        forward, backward = zip(*calls(self.trial.train, seconds, sum), strict=True)
        return {"forward": statistics.median(forward), "backward": statistics.median(backward)}

    def infer(self, seconds: float) -> dict[str, Any]:
        """Run forward without gradients for so many seconds; return the median, without the first of several calls."""
        return {"forward": statistics.median(calls(self.trial.infer, seconds, float))}

    def memory(self, workload: dict[str, Any], data: str, call: str) -> dict[str, Any]:
        """Return the peak of one ``"train"`` or ``"infer"`` above the memory in use before, in a fresh process."""
        if "jax" not in self.peer.distributions:  # JAX compiles for one shape, before the peak is measured
            self._run_shortened(_workload(workload), load(pathlib.Path(data)), call)
        self.prepare(workload, data)
        gc.collect()
        peak = memory.Peak()
        getattr(self.trial, call)()
        return {"megabytes": peak.megabytes()}

    def _run_shortened(self, workload: Workload, arrays: Arrays, call: str) -> None:
        """Run a few steps (two chunks of them), so that the library has set up what it keeps."""
        steps = self.peer.options.get("chunk", 0) + 2
        cut = {name: array[:steps] if name in ("xs", "upstream") else array for name, array in arrays.items()}
        shortened = dataclasses.replace(workload, steps=steps)
        getattr(self._module().make(shortened, cut, **self.peer.options), call)()

    def limits(self) -> dict[str, Any]:
        """Return this machine's speeds."""
        self._module()  # sets the threads
        return limits.measured()

    def stages(self) -> dict[str, Any]:
        """Return the work and the time of each kind of layer; for ours only."""
        from bench import stages

        work = [dataclasses.asdict(entry) for entry in stages.work(self.trial)]
        return {"work": work, "spent": stages.spent(self.trial)}

    def _kernels(self) -> list[str]:
        if "snn-core" not in self.peer.distributions:
            return []
        from snn_core import kernels

        return [f"{name}: {_without_folders(reason)}" for name, _, reason in kernels.status()]

    def _module(self) -> Any:
        if self.peer.module != "spyx_scan":
            import torch

            torch.set_num_threads(self.threads)
        return importlib.import_module(f"bench.peers.{self.peer.module}")


def _workload(fields: dict[str, Any]) -> Workload:
    values: dict[str, Any] = {**fields, "shape": tuple(fields["shape"]), "peers": tuple(fields["peers"])}
    return Workload(**values)


def _without_folders(text: str) -> str:
    return re.sub(r"\S*/", "", text)


def calls(call: Any, seconds: float, total: Any, most: int = _MOST_CALLS) -> list[Any]:
    """Call for a number of seconds; return what each took, ``total`` of it in seconds, without the first of several."""
    results = [call()]
    spent = total(results[0])
    while len(results) < most and spent < seconds:
        results.append(call())
        spent += total(results[-1])
    return results[1:] or results


def answer(peers: Iterable[str], worker_of: Callable[[str, int], Any]) -> None:
    """Answer requests until the input ends; output of the library goes to standard error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=peers)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # not every library has a setting of its own
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = worker_of(options.peer, options.threads)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # whatever a library raises is a reason to report
            answer = {"reason": f"{type(error).__name__}: {error}" if str(error) else type(error).__name__}
            if isinstance(error, NotImplementedError):
                answer = {"reason": str(error)}
            else:
                traceback.print_exc()
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    answer(PEERS, Worker)
