"""Tables of the programs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

from bench import machine
from bench.programs.contestants import BASE, OWN
from bench.programs.worker import STAGES
from bench.tables import NOTHING, Table, milliseconds, ratios, spread


def every(results: dict[str, Any]) -> Iterator[Table]:
    """Yield all tables of the results in ``dist/bench-programs.json``, in the order of the page."""
    yield _each(results, "A training step, ms", lambda answer: milliseconds(statistics.median(answer["seconds"])))
    if BASE in results["contestants"]:
        yield _against(results)
    yield _stages(results)
    yield _each(
        results,
        "Minor page faults of a step",
        lambda answer: f"{statistics.median(answer['faults']):,.0f}",
    )
    yield _each(
        results,
        "Peak memory of the first step, MiB above net, data and library (the optimizer's included)",
        lambda answer: f"{answer['megabytes']:.0f}",
    )
    yield _each(
        results,
        "Peak memory of the tensors made in the second step, MiB",
        lambda answer: f"{answer['tensors']:.3g}",
    )
    yield _agreement(results)
    yield _ran(results)


def times_faster(results: dict[str, Any]) -> list[float]:
    """Return how many times faster our step is than the loop of the peer, for each program in which both are timed."""
    timed = [figures for figures in results["programs"].values() if _timed(figures, BASE) and _timed(figures, OWN)]
    answers = (figures["contestants"] for figures in timed)
    return [ratios(answer[OWN]["seconds"], answer[BASE]["seconds"])[1] for answer in answers]


def _each(results: dict[str, Any], title: str, cell: Callable[[dict[str, Any]], str]) -> Table:
    names = list(results["contestants"])
    rows = [
        [program, *(cell(figures["contestants"][name]) if _timed(figures, name) else NOTHING for name in names)]
        for program, figures in results["programs"].items()
    ]
    return Table(title, ["", *_titles(results, names)], rows)


def _against(results: dict[str, Any]) -> Table:
    """Return the ratios of the time of snnTorch's loop to that of each, round by round, and why cells are empty."""
    names = [name for name in results["contestants"] if name != BASE]

    def cell(figures: dict[str, Any], name: str) -> str:
        if not (_timed(figures, name) and _timed(figures, BASE)):
            return NOTHING
        return spread(ratios(*(figures["contestants"][who]["seconds"] for who in (name, BASE))), "×")

    rows = [
        [f"{program}: {figures['title']}", *(cell(figures, name) for name in names)]
        for program, figures in results["programs"].items()
    ]
    title = f"How many times faster than the loop of {results['contestants'][BASE]['title']}"
    return Table(title, ["", *_titles(results, names)], rows, list(_reasons(results)))


def _stages(results: dict[str, Any]) -> Table:
    """Return the times of the stages of our steps, beside those of their products."""

    def cells(answer: dict[str, Any]) -> Iterator[str]:
        yield from (milliseconds(statistics.median(answer[stage])) for stage in STAGES)
        yield milliseconds(answer["products"])

    of_ours = {program: figures["contestants"].get(OWN, {}) for program, figures in results["programs"].items()}
    rows = [[program, *cells(answer)] for program, answer in of_ours.items() if "products" in answer]
    return Table("The stages of our step, ms", ["", *STAGES, "products alone, by PyTorch"], rows)


def _reasons(results: dict[str, Any]) -> Iterator[str]:
    for name, known in results["contestants"].items():
        if "reason" in known:
            yield f"{known['title']}: {known['reason']}"
        for program, figures in results["programs"].items():
            reason = figures["contestants"].get(name, {}).get("reason")
            if reason is not None:
                yield f"{known['title']}, {program}: {reason}"


def _agreement(results: dict[str, Any]) -> Table:
    ways = ("loss", "gradient")
    rows = [
        [
            program,
            *(results["contestants"][name]["title"] for name in compared["pair"]),
            *(f"{compared[way]:.0e}" for way in ways),
            *(f"{compared['float64'][way]:.0e}" if compared["float64"] else NOTHING for way in ways),
            "**no**" if compared["same"] == "no" else compared["same"],
        ]
        for program, figures in results["programs"].items()
        for compared in figures["agreement"]
    ]
    notes = [
        f"{known['title']} is not compared: {known['differs']}"
        for known in results["contestants"].values()
        if known["differs"]
    ]
    head = ["", "", "compared with", "loss", "norm of the gradient", "loss, float64", "norm, float64", "the same"]
    return Table("Agreement of the first step: relative differences", head, rows, notes)


def _ran(results: dict[str, Any]) -> Table:
    at = results["machine"]
    rows = [
        [
            known["title"],
            machine.listed(known.get("versions", {})) or known.get("reason", NOTHING),
            known["note"],
        ]
        for known in results["contestants"].values()
    ]
    described = f"{at['processor']} ({at['instructions']}), {at['cores']} cores"
    rows.append(["machine", described, f"{at['threads']} threads of each library, {at['system']}"])
    rows.append(["date", results["date"], f"`{results['command']}`"])
    return Table("What ran the programs", ["", "versions", "how"], rows)


def _timed(figures: dict[str, Any], name: str) -> bool:
    answer = figures["contestants"].get(name, {})
    return "seconds" in answer and "reason" not in answer


def _titles(results: dict[str, Any], names: list[str]) -> list[str]:
    return [results["contestants"][name]["title"] for name in names]
