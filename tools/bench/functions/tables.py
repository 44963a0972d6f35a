"""The table of functions, from what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from bench import machine
from bench.functions.cases import CASES
from bench.ratios import ratios, totals
from bench.tables import NOTHING, Table, figure, milliseconds, spread

_OURS, _PEER = "snn", "snntorch"
_AS_FAST = 0.98  # two runs of one function differ by as much


def every(results: dict[str, Any]) -> Iterator[Table]:
    """A table for each group of functions, and what ran.

    Args:
        results: What ``dist/bench-functions.json`` holds.

    Yields:
        The tables, in the order of the page.
    """
    groups = dict.fromkeys(CASES[name].group for name in results["functions"])
    for group in groups:
        yield _of_group(results, group)
    versions = [[name, machine.listed(of)] for name, of in results["versions"].items()]
    rows = machine.rows(results, "each library", results["machine"]["threads"])
    yield Table("What ran", ["", ""], [*versions, *rows])


def _of_group(results: dict[str, Any], group: str) -> Table:
    rows, notes = [], []
    for name, measured in results["functions"].items():
        case = CASES[name]
        if case.group != group:
            continue
        ours, peers = (measured["libraries"][library] for library in (_OURS, _PEER))
        rows.append(
            [
                f"`{name.split(',')[0]}`{name[len(name.split(',')[0]) :]}",
                case.given,
                _ratio(ours, peers),
                _target(ours, peers, case.least),
                _time(ours),
                _time(peers),
                _memory(ours),
                _memory(peers),
                _agreement(measured, case.differs),
            ]
        )
        notes += [
            f"{name}, {title}: {answer['reason']}"
            for title, answer in (("snn", ours), ("snnTorch", peers))
            if "reason" in answer
        ]
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


def _ratios(ours: dict[str, Any], peers: dict[str, Any]) -> tuple[float, float, float] | None:
    """Return how many times longer the peer takes, forward and backward together."""
    if "forward" not in ours or "forward" not in peers:
        return None
    return ratios(totals(_ways(ours)), totals(_ways(peers)))


def _ways(answer: dict[str, Any]) -> list[list[float]]:
    return [answer[way] for way in ("forward", "backward") if way in answer]


def _ratio(ours: dict[str, Any], peers: dict[str, Any]) -> str:
    quartiles = _ratios(ours, peers)
    return NOTHING if quartiles is None else spread(quartiles, "×")


def _target(ours: dict[str, Any], peers: dict[str, Any], least: float) -> str:
    """Return whether the upper quartile of the ratio reaches the aim, as far as one run shows."""
    quartiles = _ratios(ours, peers)
    if quartiles is None:
        return NOTHING
    return f"{figure(least)}×, {'reached' if quartiles[2] >= _AS_FAST * least else 'missed'}"


def _time(answer: dict[str, Any]) -> str:
    return " + ".join(milliseconds(statistics.median(times)) for times in _ways(answer)) or NOTHING


def _memory(answer: dict[str, Any]) -> str:
    megabytes = answer.get("memory", {}).get("megabytes")
    return NOTHING if megabytes is None else f"{megabytes:.0f}"


def _agreement(measured: dict[str, Any], differs: str) -> str:
    if measured["difference"] is None:
        return differs or NOTHING
    return figure(measured["difference"]) if measured["difference"] else "none"
