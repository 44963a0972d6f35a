"""Runs every function through both libraries, in turns, and keeps what each turn took."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from typing import Any

import numpy as np

from bench.functions.case import Case
from bench.functions.cases import CASES
from bench.functions.library import LIBRARIES
from bench.process import Plan, Process, by_way
from bench.report import say

_WORKER = "bench.functions.worker"
_PAIRS = 6  # where data lies in a process's memory may make a function a tenth slower for its whole life


def measured(names: list[str], pythons: dict[str, str], plan: Plan) -> dict[str, dict[str, Any]]:
    """Time the functions of cases in both libraries, in turns.

    Pairs of processes share the plan's rounds; each pair first runs a round that is dropped.

    Returns:
        ``versions`` by library; ``functions`` by name: ``libraries`` with the answer of each, seconds by round, and
        ``difference``, the largest difference of their results.

    Raises:
        RuntimeError: If a library does not start.
    """

    def started(library: str) -> Process:
        return Process(library, pythons[library], plan.threads, module=_WORKER)

    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        number = min(_PAIRS, plan.rounds)
        pairs = [{library: stack.enter_context(started(library)) for library in LIBRARIES} for _ in range(number)]
        answers = {}
        for library, process in (item for pair in pairs for item in pair.items()):
            answers[library] = process.ask("hello")
            if "reason" in answers[library]:
                raise RuntimeError(f"{library} does not start: {answers[library]['reason']}")
        functions = {}
        for name in names:
            say(name)
            functions[name] = _timed(CASES[name], pairs, plan, folder)
            if plan.memory:
                for library, answer in functions[name]["libraries"].items():
                    if "reason" not in answer:
                        with started(library) as fresh:
                            answer["memory"] = fresh.ask("memory", case=name)
        return {"versions": {name: answer["versions"] for name, answer in answers.items()}, "functions": functions}


def _timed(case: Case, pairs: list[dict[str, Process]], plan: Plan, folder: pathlib.Path) -> dict[str, Any]:
    answer: dict[str, dict[str, Any]] = {name: {} for name in LIBRARIES}
    for pair in pairs:
        for name, process in pair.items():
            answer[name] |= process.ask("prepare", case=case.name)
    ready = [name for name, answer in answer.items() if "reason" not in answer]
    outcome: dict[str, Any] = {"libraries": answer, "difference": None}
    if len(ready) == 2 and not case.differs:
        for name in ready:
            pairs[0][name].ask("result", folder=str(folder))
        outcome["difference"] = difference(*(folder / f"{name}.npz" for name in ready))
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in ready}
    for number in range(len(pairs) + plan.rounds * case.times):
        cycle, pair = divmod(number, len(pairs))
        for name in ready if (cycle + pair) % 2 else reversed(ready):  # each goes first as often as the other
            turns[name].append(pairs[pair][name].ask("turn", seconds=plan.seconds))
    for name, rounds in turns.items():
        answer[name] |= by_way(rounds[len(pairs) :])
    return outcome


def difference(own: pathlib.Path, peer: pathlib.Path) -> float:
    """Return the largest difference of arrays, as a share of the largest number in each; infinite if sizes differ."""
    with np.load(own) as left, np.load(peer) as right:
        pairs = [(np.ravel(left[key]), np.ravel(right[key])) for key in left.files if key in right.files]
        if len(left.files) != len(right.files) or any(a.shape != b.shape for a, b in pairs):
            return float("inf")
        shares = [
            np.abs(a.astype(float) - b.astype(float)).max(initial=0) / (np.abs(b.astype(float)).max(initial=0) or 1.0)
            for a, b in pairs
        ]
    return float(np.max(shares, initial=0))  # NaN where any of them is
