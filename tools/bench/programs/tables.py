"""The tables of the programs, from what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

from bench import machine
from bench.programs.contestants import BASE
from bench.ratios import ratios
from bench.tables import NOTHING, Table, milliseconds, spread


def every(found: dict[str, Any]) -> Iterator[Table]:
    """All tables.

    Args:
        found: What ``dist/bench-programs.json`` holds.

    Yields:
        The tables, in the order of the page.
    """
    yield _each(found, "A training step, ms", lambda answer: milliseconds(statistics.median(answer["seconds"])))
    if BASE in found["contestants"]:
        yield _against(found)
    yield _each(
        found,
        "Minor page faults of a step",
        lambda answer: f"{statistics.median(answer['faults']):,.0f}",
    )
    yield _each(
        found,
        "Peak memory of the first step, MiB above net, data and library (the optimizer's included)",
        lambda answer: f"{answer['megabytes']:.0f}",
    )
    yield _agreement(found)
    yield _ran(found)


def _each(found: dict[str, Any], title: str, cell: Callable[[dict[str, Any]], str]) -> Table:
    names = list(found["contestants"])
    rows = [
        [program, *(cell(one["contestants"][name]) if _timed(one, name) else NOTHING for name in names)]
        for program, one in found["programs"].items()
    ]
    return Table(title, ["", *_titles(found, names)], rows)


def _against(found: dict[str, Any]) -> Table:
    """Ratios of the time of snnTorch's loop to that of each, round by round, and why cells are empty."""
    names = [name for name in found["contestants"] if name != BASE]

    def cell(one: dict[str, Any], name: str) -> str:
        if not (_timed(one, name) and _timed(one, BASE)):
            return NOTHING
        return spread(ratios(*(one["contestants"][who]["seconds"] for who in (name, BASE))), "×")

    rows = [
        [f"{program}: {one['title']}", *(cell(one, name) for name in names)]
        for program, one in found["programs"].items()
    ]
    title = f"How many times faster than the loop of {found['contestants'][BASE]['title']}"
    return Table(title, ["", *_titles(found, names)], rows, list(_reasons(found)))


def _reasons(found: dict[str, Any]) -> Iterator[str]:
    for name, known in found["contestants"].items():
        if "reason" in known:
            yield f"{known['title']}: {known['reason']}"
        for program, one in found["programs"].items():
            reason = one["contestants"].get(name, {}).get("reason")
            if reason is not None:
                yield f"{known['title']}, {program}: {reason}"


def _agreement(found: dict[str, Any]) -> Table:
    rows = [
        [
            program,
            *(found["contestants"][name]["title"] for name in compared["pair"]),
            f"{compared['loss']:.0e}",
            f"{compared['gradient']:.0e}",
            "yes" if compared["agree"] else "**no**",
        ]
        for program, one in found["programs"].items()
        for compared in one["agreement"]
    ]
    notes = [
        f"{known['title']} is not compared: {known['differs']}"
        for known in found["contestants"].values()
        if known["differs"]
    ]
    head = ["", "", "beside", "loss", "norm of the gradient", "the same"]
    return Table("Agreement of the first step: relative differences", head, rows, notes)


def _ran(found: dict[str, Any]) -> Table:
    at = found["machine"]
    rows = [
        [
            known["title"],
            machine.listed(known.get("versions", {})) or known.get("reason", NOTHING),
            known["note"],
        ]
        for known in found["contestants"].values()
    ]
    described = f"{at['processor']} ({at['instructions']}), {at['cores']} cores"
    rows.append(["machine", described, f"{at['threads']} threads of each library, {at['system']}"])
    rows.append(["date", found["date"], f"`{found['command']}`"])
    return Table("What ran the programs", ["", "versions", "how"], rows)


def _timed(one: dict[str, Any], name: str) -> bool:
    answer = one["contestants"].get(name, {})
    return "seconds" in answer and "reason" not in answer


def _titles(found: dict[str, Any], names: list[str]) -> list[str]:
    return [found["contestants"][name]["title"] for name in names]
