"""Runs every workload through every peer, in turns, and keeps what each turn took."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import statistics
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from bench import data
from bench.layers import beside_last
from bench.peers.registry import LAST, OWN, PEERS, REFERENCE, Peer
from bench.process import Plan, Process, by_way, turns
from bench.report import say
from bench.tables import exponent, totals
from bench.workloads import Workload, scaled

Conventions = tuple[bool, bool]
Result = tuple[np.ndarray, np.ndarray]
_MOST_SPIKES, _MOST_GRADIENT = 1e-3, 5e-2
_AXES: dict[str, tuple[str, Callable[[int], Workload]]] = {
    "T": ("B,N = 8,128", lambda size: scaled(size, 8, 128)),
    "B": ("T,N = 100,16", lambda size: scaled(100, size, 16)),
    "N": ("T,B = 100,8", lambda size: scaled(100, 8, size)),
}
_SCALED = (OWN, REFERENCE, "snntorch")


class Bench:
    """The peers' processes, one each for the whole run; ends them with the ``with`` block.

    Args:
        pythons: The interpreter of each environment by name, "" for ours.
        absent: Reasons why environments are missing, by name.
        plan: The effort of the measurement.
        only: The peers to run; empty for all.
        module: Module that answers in their processes.

    Raises:
        RuntimeError: If ours or the plain PyTorch loop does not start.
    """

    def __init__(
        self,
        pythons: dict[str, str],
        absent: dict[str, str],
        plan: Plan,
        only: Iterable[str] = (),
        module: str = "bench.worker",
    ) -> None:
        self._pythons, self._absent, self._plan = pythons, absent, plan
        self._module = module
        self._wanted = set(only) | {OWN, REFERENCE} if only else set(PEERS)
        self._stack = contextlib.ExitStack()
        self._processes: dict[str, Process] = {}
        self.peers: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Bench:
        with self._stack as stack:  # closed here if it does not come to the end
            self._folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for peer in PEERS.values():
                if peer.name in self._wanted:
                    started = self._started(peer, stack)
                    self.peers[peer.name] = {"title": peer.title, "note": peer.note} | started
            for name in (OWN, REFERENCE):
                if "reason" in self.peers[name]:
                    raise RuntimeError(f"{self.peers[name]['title']} does not start: {self.peers[name]['reason']}")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _started(self, peer: Peer, stack: contextlib.ExitStack) -> dict[str, Any]:
        """Start a worker, and return its answer to the first request."""
        say(f"starting {peer.title}")
        if peer.environment not in self._pythons:
            return {"reason": self._absent.get(peer.environment, "no environment for it")}
        process = stack.enter_context(self._process(peer.name))
        answer = process.ask("hello")
        if "reason" not in answer:
            self._processes[peer.name] = process
        return answer

    def _process(self, peer: str) -> Process:
        return Process(peer, self._pythons[PEERS[peer].environment], self._plan.threads, module=self._module)

    def limits(self) -> dict[str, float]:
        """Return this machine's speeds."""
        say("measuring the machine")
        return self._processes[REFERENCE].ask("limits")

    def workload(self, workload: Workload) -> dict[str, Any]:
        """Check, time and profile one workload, and measure its memory.

        Returns:
            ``title``; ``peers``: the answer of each by name, times in seconds by round; ``stages``: the work and the
            time of each kind of layer; ``beside_last``: times relative to those of our last release.
        """
        say(f"{workload.name}: {workload.title}")
        request = self._prepared(workload)
        names = self._asked(workload)
        expected = self._expected({(PEERS[name].immediate, PEERS[name].attached) for name in names}, request)
        answers = {name: self._checked(workload, name, request, expected) for name in names}
        self._time(answers, "train")
        if workload.infer:
            self._time(answers, "infer")
        if workload.memory and self._plan.memory:
            for name, answer in answers.items():
                if "reason" not in answer:
                    answer |= self._weighed(workload, name, request)
        stages = answers[OWN] if "reason" in answers[OWN] else self._processes[OWN].ask("stages")
        self._time_anew(workload, request, answers)
        last = beside_last(answers)
        return {"title": workload.title, "peers": answers, "stages": stages, "beside_last": last}

    def _asked(self, workload: Workload) -> list[str]:
        return [
            name
            for name in self._processes
            if workload.kind in (PEERS[name].only or (workload.kind,)) and name in (workload.peers or PEERS)
        ]

    def _prepared(self, workload: Workload) -> dict[str, Any]:
        folder = self._folder / workload.name
        data.save(folder, data.arrays(workload))
        return {"workload": dataclasses.asdict(workload), "data": str(folder)}

    def _expected(self, conventions: set[Conventions], request: dict[str, Any]) -> dict[Conventions, Result]:
        """Return the plain loop's results, by whether its reset is immediate and whether it carries a gradient."""
        expected = {}
        for immediate, attached in conventions:
            result = self._result(self._processes[REFERENCE], **request, immediate=immediate, attached=attached)
            if isinstance(result, dict):
                raise RuntimeError(f"the plain PyTorch loop does not run: {result['reason']}")
            expected[immediate, attached] = result
        return expected

    def _checked(
        self, workload: Workload, name: str, request: dict[str, Any], expected: dict[Conventions, Result]
    ) -> dict[str, Any]:
        peer, result = PEERS[name], self._result(self._processes[name], **request)
        if isinstance(result, dict):
            return result
        late = workload.layers if peer.late else 0
        return compared(result, expected[peer.immediate, peer.attached], late, peer.gradients_differ)

    def _result(self, process: Process, **request: Any) -> Result | dict[str, Any]:
        """Return what a peer computes, or an answer with a ``reason``."""
        folder = self._folder / "result"
        answer = process.ask("prepare", **request)
        if "reason" not in answer:
            answer = process.ask("result", data=str(folder))
        if "reason" in answer:
            return answer
        arrays = data.load(folder)
        return arrays["spk"], arrays["gradient"]

    def _time(self, answers: dict[str, Any], do: str) -> None:
        ready = [name for name, answer in answers.items() if "reason" not in answer]
        for name, joined in self._turns(ready, do).items():
            answers[name] |= joined if "reason" in joined else {do: joined}

    def _turns(self, names: list[str], do: str) -> dict[str, dict[str, Any]]:
        answered = turns({name: self._processes[name] for name in names}, self._plan, do)
        return {name: by_way(answers) for name, answers in answered.items()}

    def _time_anew(self, workload: Workload, request: dict[str, Any], answers: dict[str, Any]) -> None:
        """Time whole sequences of ours and of the last release once more, in two new processes in every round.

        Where a process's memory lies decides for its whole life how fast the process reads it: two processes of the
        same program differ by 15 %, which rounds within one process do not show.
        """
        names = [name for name in (OWN, LAST) if "train" in answers.get(name, {})]
        if LAST not in names or not self._plan.anew:
            return
        ways = ("train", "infer") if workload.infer else ("train",)
        anew: dict[tuple[str, str], list[dict[str, Any]]] = {(name, do): [] for name in names for do in ways}
        for number in range(self._plan.anew):
            for name in names if number % 2 else names[::-1]:
                with self._process(name) as fresh:
                    fresh.ask("prepare", **request)
                    for do in ways:
                        fresh.ask(do, seconds=self._plan.seconds)  # which warms it up
                        anew[name, do].append(fresh.ask(do, seconds=self._plan.seconds))
        for name in names:
            answers[name]["anew"] = {do: by_way(anew[name, do]) for do in ways}

    def _weighed(self, workload: Workload, name: str, request: dict[str, Any]) -> dict[str, Any]:
        weights = {}
        for do in ("train", "infer") if workload.infer else ("train",):
            with self._process(name) as fresh:
                weights[f"{do}_memory"] = fresh.ask("memory", **request, call=do)
        return weights

    def scaling(self, axis: str) -> dict[str, Any]:
        """Measure how the time of a layer of neurons grows along T, B or N.

        Returns:
            ``sizes``, and by peer the medians in ``seconds``, up to the first size that the peer cannot run, and the
            fitted ``exponents``.
        """
        others, sized = _AXES[axis]
        seconds: dict[str, list[float]] = {name: [] for name in _SCALED if name in self._processes}
        able = list(seconds)
        for size in self._plan.sizes:
            workload = sized(size)
            say(f"scaling: {workload.title}")
            request = self._prepared(workload)
            for name in able:
                self._processes[name].ask("prepare", **request)
            for name, joined in self._turns(able, "train").items():
                if "reason" in joined:
                    able.remove(name)  # it goes no further
                else:
                    seconds[name].append(statistics.median(totals(joined.values())))
        fitted = {
            name: exponent(self._plan.sizes[: len(times)], times) for name, times in seconds.items() if len(times) > 1
        }
        return {"axis": axis, "others": others, "sizes": self._plan.sizes, "seconds": seconds, "exponents": fitted}


def compared(result: Result, expected: Result, late: int = 0, gradients_differ: str = "") -> dict[str, Any]:
    """Compare spikes, and gradients where they can be the same.

    Sums in a different order round differently, which now and then moves a membrane over its threshold; in deeper
    layers, one spike causes others. One spike in a thousand may differ, and the gradient by 5 %.

    Args:
        result: Spikes ``[T, B, out]`` and a gradient.
        expected: The same from the reference.
        late: Number of steps by which the spikes of the result come later.
        gradients_differ: Reason why gradients are not compared; empty to compare them.

    Returns:
        ``spikes``: share that differs; ``gradient``: norm of the difference relative to that of the gradient, or why it
        is not compared; ``reason`` if they do not agree.

    Example:
        >>> spk, gradient = np.eye(4)[:, None] > 0, np.ones(3)
        >>> compared((spk, 1.01 * gradient), (spk, gradient))
        {'spikes': 0.0, 'gradient': 0.01}
        >>> compared((~spk, gradient), (spk, gradient), gradients_differ="another surrogate")
        {'spikes': 1.0, 'gradient': 'another surrogate', 'reason': 'not timed: 100 % of its spikes differ'}
    """
    spk, expected_spk = result[0], expected[0]
    if spk.shape != expected_spk.shape:
        return {"reason": f"not timed: its output has shape {list(spk.shape)}, not {list(expected_spk.shape)}"}
    if late:
        spk, expected_spk = spk[late:], expected_spk[:-late]
    differ = float((spk != expected_spk).mean())
    answer: dict[str, Any] = {"spikes": differ, "gradient": gradients_differ or _distance(result[1], expected[1])}
    if differ > _MOST_SPIKES:
        answer["reason"] = f"not timed: {100 * differ:.3g} % of its spikes differ"
    elif not gradients_differ and not answer["gradient"] <= _MOST_GRADIENT:
        answer["reason"] = f"not timed: its gradient differs by {100 * answer['gradient']:.3g} %"
    return answer


def _distance(values: np.ndarray, expected: np.ndarray) -> float:
    return round(float(np.linalg.norm(values - expected) / np.linalg.norm(expected)), 9)
