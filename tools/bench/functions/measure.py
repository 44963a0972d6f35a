"""``python -m bench --functions``: time every function in both libraries, in turns, and write the page."""

from __future__ import annotations

import contextlib
import pathlib
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench import machine, report
from bench.functions.cases import CASES, LIBRARIES, Case
from bench.process import Plan, Process, by_way
from bench.tables import NOTHING, Table, both_ways, figure, megabytes, ratios, sections, spread, totals

_QUICK = ("ce_count_loss", "rate", "data_subset")
_PAIRS = 6  # where data lies in a process's memory may make a function a tenth slower for its whole life
_AS_FAST = 0.98  # two runs of one function may differ by as much
_OURS, _PEER = LIBRARIES
_HEAD = """# Benchmarks of single functions

`nox -s bench -- --functions --page docs/benchmarks-functions.md` wrote this page from one run. It measures every
function of snn-functional, snn-spikegen and snn-data that snnTorch {peer} has too, on the same arrays: 100 time steps,
128 samples, 1000 neurons or classes, float32, and the defaults unless the row says otherwise.

How it is measured: each library runs in its own processes, with the number of threads in the last table. The two take
turns for {rounds} rounds (monitors: three times as many), spread over six pairs of processes; the first round of each
pair is dropped. *snnTorch takes* is snnTorch's time divided by snn's: the median of the ratios within a round,
forward and backward together, with quartiles in parentheses. The *target* is reached if the upper quartile is at least
98 % of it, because two runs of the same function may differ by 2 %. The milliseconds are medians of forward + backward;
memory is the peak of one call above the memory in use before it, including the result. *Difference* is the largest
difference between the two results, gradients included, as a fraction of the largest number.

All figures are from one machine: {processor}, {cores} cores. On another machine, expect only the ratios to be roughly
the same.
"""


def main(session: report.Session) -> None:
    """Measure functions; snnTorch runs in this environment unless it has its own.

    Raises:
        RuntimeError: If snnTorch is missing.
    """
    if "snntorch" in session.absent:
        raise RuntimeError(f"snnTorch, the library to compare with, is missing: {session.absent['snntorch']}")
    pythons = {_OURS: sys.executable, _PEER: session.python.get("snntorch", sys.executable)}
    parser = report.parser("--functions", "function", CASES, "dist/bench-functions.json", _QUICK, rounds=6)
    options = report.parse(parser, session.words)
    plan = report.plan(options, 0.1, threads=1)

    def measure() -> dict[str, Any]:
        ran = {"machine": {"threads": plan.threads}, "rounds": plan.rounds}
        return measured(options.names, pythons, plan) | ran

    report.run(session, options, measure, tables, lambda text, results: page(results))


def measured(names: list[str], pythons: dict[str, str], plan: Plan) -> dict[str, dict[str, Any]]:
    """Time the functions of cases in the libraries, in turns.

    Pairs of processes share the plan's rounds; each pair first runs a round that is dropped.

    Returns:
        ``versions`` by library; ``functions`` by name: ``libraries`` with the answer of each, seconds by round, and
        ``difference``, the largest difference of their results.

    Raises:
        RuntimeError: If a library does not start.
    """

    def started(library: str) -> Process:
        return Process(library, pythons[library], plan.threads, module="bench.functions.worker")

    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        number = min(_PAIRS, plan.rounds)
        pairs = [{library: stack.enter_context(started(library)) for library in pythons} for _ in range(number)]
        answers = {}
        for library, process in (item for pair in pairs for item in pair.items()):
            answers[library] = process.ask("hello")
            if "reason" in answers[library]:
                raise RuntimeError(f"{library} does not start: {answers[library]['reason']}")
        functions = {}
        for name in names:
            report.say(name)
            functions[name] = _timed(CASES[name], pairs, plan, folder)
            for library, answer in functions[name]["libraries"].items() if plan.memory else ():
                if "reason" not in answer:
                    with started(library) as fresh:
                        answer["memory"] = fresh.ask("memory", case=name)
        return {"versions": {name: answer["versions"] for name, answer in answers.items()}, "functions": functions}


def _timed(case: Case, pairs: list[dict[str, Process]], plan: Plan, folder: pathlib.Path) -> dict[str, Any]:
    answer: dict[str, dict[str, Any]] = {name: {} for name in pairs[0]}
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


def page(results: dict[str, Any]) -> str:
    """Return the page of the results in ``dist/bench-functions.json``."""
    peer = results["versions"][_PEER][_PEER]
    head = _HEAD.format(peer=peer, rounds=results["rounds"], **results["machine"])
    return f"{head}\n{sections(tables(results))}\n"


def tables(results: dict[str, Any]) -> Iterator[Table]:
    """Yield a table for each group of functions in ``dist/bench-functions.json``, and one of what ran."""
    for group in dict.fromkeys(CASES[name].group for name in results["functions"]):
        yield _of_group(group, {n: of for n, of in results["functions"].items() if CASES[n].group == group})
    versions = [[name, machine.listed(of)] for name, of in results["versions"].items()]
    rows = machine.rows(results, "each library", results["machine"]["threads"])
    yield Table("What ran", ["", ""], [*versions, *rows])


def _of_group(group: str, functions: dict[str, dict[str, Any]]) -> Table:
    rows, notes = [], []
    for name, of in functions.items():
        case, ours, peers = CASES[name], *(of["libraries"][library] for library in LIBRARIES)
        function, comma, variant = name.partition(",")
        agreement = f"{of['difference']:.3g}" if of["difference"] else "none"
        if of["difference"] is None:
            agreement = case.differs or NOTHING
        both = [both_ways(ours), both_ways(peers), *(megabytes(answer.get("memory", {})) for answer in (ours, peers))]
        rows.append([f"`{function}`{comma}{variant}", case.given, *_against(ours, peers, case.least), *both, agreement])
        failed = {"snn": ours, "snnTorch": peers}
        notes += [f"{name}, {title}: {answer['reason']}" for title, answer in failed.items() if "reason" in answer]
        notes += [f"{name}: {case.note}"] if case.note else []
    head = [
        "",
        "given",
        "snnTorch takes",
        "target",
        "snn, ms",
        "snnTorch, ms",
        "snn, MiB",
        "snnTorch, MiB",
        "difference",
    ]
    return Table(group[0].upper() + group[1:], head, rows, notes)


def _against(ours: dict[str, Any], peers: dict[str, Any], least: float) -> list[str]:
    """Return how many times as long the peer takes, forward and backward together, and whether that is the target.

    The upper quartile of the ratios has to reach the target, within what two runs of one function differ by.
    """
    if "forward" not in ours or "forward" not in peers:
        return [NOTHING, NOTHING]
    own, other = ([of[way] for way in ("forward", "backward") if way in of] for of in (ours, peers))
    quartiles = ratios(totals(own), totals(other))
    verdict = "reached" if quartiles[2] >= _AS_FAST * least else "missed"
    return [spread(quartiles, "×"), f"{figure(least)}×, {verdict}"]
