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


def every(found: dict[str, Any]) -> Iterator[Table]:
    """A table for each group of functions, and what ran.

    Args:
        found: What ``dist/bench-functions.json`` holds.

    Yields:
        The tables, in the order of the page.
    """
    groups = dict.fromkeys(CASES[name].group for name in found["functions"])
    for group in groups:
        yield _of_group(found, group)
    versions = [[name, machine.listed(of)] for name, of in found["versions"].items()]
    rows = machine.rows(found, "each library", found["machine"]["threads"])
    yield Table("What ran", ["", ""], [*versions, *rows])


def _of_group(found: dict[str, Any], group: str) -> Table:
    rows, notes = [], []
    for name, measured in found["functions"].items():
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
            f"{name}, {title}: {taken['reason']}"
            for title, taken in (("snn", ours), ("snnTorch", peers))
            if "reason" in taken
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


def _ways(taken: dict[str, Any]) -> list[list[float]]:
    return [taken[way] for way in ("forward", "backward") if way in taken]


def _ratio(ours: dict[str, Any], peers: dict[str, Any]) -> str:
    found = _ratios(ours, peers)
    return NOTHING if found is None else spread(found, "×")


def _target(ours: dict[str, Any], peers: dict[str, Any], least: float) -> str:
    """Return whether the upper quartile of the ratio reaches the aim, as far as one run shows."""
    found = _ratios(ours, peers)
    if found is None:
        return NOTHING
    return f"{figure(least)}×, {'reached' if found[2] >= _AS_FAST * least else 'missed'}"


def _time(taken: dict[str, Any]) -> str:
    return " + ".join(milliseconds(statistics.median(one)) for one in _ways(taken)) or NOTHING


def _memory(taken: dict[str, Any]) -> str:
    megabytes = taken.get("memory", {}).get("megabytes")
    return NOTHING if megabytes is None else f"{megabytes:.0f}"


def _agreement(measured: dict[str, Any], differs: str) -> str:
    if measured["difference"] is None:
        return differs or NOTHING
    return figure(measured["difference"]) if measured["difference"] else "none"
