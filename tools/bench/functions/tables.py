"""Tables of the functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench import machine
from bench.functions.cases import CASES
from bench.ratios import ratios, totals
from bench.tables import NOTHING, Table, both_ways, figure, megabytes, spread

_OURS, _PEER = "snn", "snntorch"
_AS_FAST = 0.98  # two runs of one function may differ by as much


def every(results: dict[str, Any]) -> Iterator[Table]:
    """Yield a table for each group of functions in ``dist/bench-functions.json``, and one of what ran."""
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
        function, comma, variant = name.partition(",")
        rows.append(
            [
                f"`{function}`{comma}{variant}",
                case.given,
                *_against(ours, peers, case.least),
                both_ways(ours),
                both_ways(peers),
                megabytes(ours.get("memory", {})),
                megabytes(peers.get("memory", {})),
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


def _against(ours: dict[str, Any], peers: dict[str, Any], least: float) -> list[str]:
    """Return how many times as long the peer takes, forward and backward together, and whether that is the target.

    The upper quartile of the ratios has to reach the target, within what two runs of one function differ by.
    """
    if "forward" not in ours or "forward" not in peers:
        return [NOTHING, NOTHING]
    quartiles = ratios(totals(_ways(ours)), totals(_ways(peers)))
    verdict = "reached" if quartiles[2] >= _AS_FAST * least else "missed"
    return [spread(quartiles, "×"), f"{figure(least)}×, {verdict}"]


def _ways(answer: dict[str, Any]) -> list[list[float]]:
    return [answer[way] for way in ("forward", "backward") if way in answer]


def _agreement(measured: dict[str, Any], differs: str) -> str:
    if measured["difference"] is None:
        return differs or NOTHING
    return figure(measured["difference"]) if measured["difference"] else "none"
