"""Tables of what was measured."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import machine
from bench.last_release import slower
from bench.limits import Work, floor_seconds
from bench.peers.registry import LAST, OWN, PEERS, TUNED
from bench.ratios import quartiles, ratios, totals

NOTHING = "–"
_VARIANTS = tuple(name for name in PEERS if name.split("-")[0] == OWN)


@dataclass(frozen=True)
class Table:
    """A table with its title, in Markdown.

    Example:
        >>> print(Table("Two", ["a", "b"], [["1", "22"]], ["seen"]).markdown())
        | a | b  |
        |---|---|
        | 1 | 22 |
        <BLANKLINE>
        - seen
    """

    title: str  # what it shows
    head: Sequence[str]  # titles of the columns
    rows: Sequence[Sequence[str]]  # cells, as many in each row as there are columns
    notes: Sequence[str] = ()  # lines under it

    def markdown(self, padded: bool = True) -> str:
        """Return the table and its notes; if padded, all cells of a column are as wide as the widest."""
        widths = [max(map(len, column)) if padded else 0 for column in zip(self.head, *self.rows, strict=True)]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in (self.head, *self.rows)
        ]
        lines.insert(1, "|" + "---|" * len(self.head))
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)]).rstrip()


def sections(tables: Iterable[Table], mark: str = "##") -> str:
    """Return tables under their titles."""
    return "\n\n".join(f"{mark} {table.title}\n\n{table.markdown()}" for table in tables)


def every(results: dict[str, Any], last: Table | None = None) -> Iterator[Table]:
    """Yield all tables for which something was measured; the last is that of the processor unless one is given."""
    tables = [
        _against(results, OWN, "train"),
        _against(results, TUNED, "train"),
        _beside_last(results),
        _apart(results),
        _against(results, OWN, "infer"),
        _memory(results, "train"),
        _memory(results, "infer"),
        _stages(results),
        _scaling(results),
        _agreement(results),
        _peers(results),
        last or _machine(results),
    ]
    yield from (table for table in tables if table.rows)


_AGAINST = {
    (OWN, "train"): "Forward and backward: how many times as long as snn",
    (TUNED, "train"): "Forward and backward: how many times as long as snn, tuned",
    (OWN, "infer"): "Inference: how many times as long as snn",
}


def _against(results: dict[str, Any], base: str, do: str) -> Table:
    """Return ratios to one of ours, round by round, with the time of ours and the floor of memory and arithmetic."""
    if base not in results["peers"]:
        return Table("", [], [])
    current = [name for name in results["peers"] if PEERS[name].environment != LAST]
    others = [name for name in current if name != base and (base == OWN or name not in _VARIANTS)]
    rows: list[list[str]] = []
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)  # workloads with empty cells, by peer and reason
    for name, workload in results["workloads"].items():
        answers = workload["peers"]
        if do not in answers.get(base, {}):
            continue
        own = totals(answers[base][do].values())
        cells = [
            spread(ratios(own, totals(answers[other][do].values())), "×") if do in answers.get(other, {}) else NOTHING
            for other in others
        ]
        for peer, answer in answers.items():
            if "reason" in answer:
                reasons[results["peers"][peer]["title"], answer["reason"]].append(name)
        ways = ("forward", "backward") if do == "train" else ("inference",)
        floor = _floor(workload, results["machine"]["limits"], ways)
        own_times = spread(quartiles([1e3 * seconds for seconds in own]))
        rows.append([f"{name}: {workload['title']}", own_times, floor, *cells])
    head = ["", f"{results['peers'][base]['title']}, ms", "floor, ms", *_titles(results, others)]
    if all(row[2] == NOTHING for row in rows):  # no limits were measured, as on a GPU
        for line in (head, *rows):
            del line[2]
    notes = [f"{title}, {', '.join(names)}: {reason}" for (title, reason), names in reasons.items()]
    notes += [f"{peer['title']}: {peer['reason']}" for peer in results["peers"].values() if "reason" in peer]
    return Table(_AGAINST[base, do], head, rows, notes)


_WAYS = {
    "forward": "forward",
    "backward": "backward",
    "train": "both",
    "infer": "inference",
    "steps": "step loop",
}


def _beside_last(results: dict[str, Any]) -> Table:
    """Return ratios of our times to those of our last release, the inverse of those to others: above 1 is slower."""
    compared = {name: workload["beside_last"] for name, workload in results["workloads"].items()}
    rows = [
        [name, *(spread(ways[way], "×") if way in ways else NOTHING for way in _WAYS)]
        for name, ways in compared.items()
        if ways
    ]
    lost = [f"{name} {_WAYS[way]}" for name, ways in compared.items() for way in slower(ways)]
    notes = [f"slower, by more than the quartiles: {', '.join(lost) or 'nothing'}"]
    title = "Compared with our last release: how many times as long snn takes (less than 1 is faster)"
    return Table(title, ["", *_WAYS.values()], rows, notes)


def _each(
    result: dict[str, Any],
    title: str,
    cell: Callable[[dict[str, Any]], str],
    workloads: Mapping[str, dict[str, Any]],
    names: Sequence[str],
    notes: Sequence[str] = (),
) -> Table:
    """Return a table with a row for each workload and a cell for the answer of each peer."""
    rows = [[name, *(cell(workload["peers"].get(peer, {})) for peer in names)] for name, workload in workloads.items()]
    return Table(title, ["", *_titles(result, names)], rows, notes)


def _apart(results: dict[str, Any]) -> Table:
    return _each(
        results,
        "Forward + backward, ms",
        lambda answer: both_ways(answer.get("train", {})),
        results["workloads"],
        list(results["peers"]),
    )


def _memory(results: dict[str, Any], do: str) -> Table:
    key = f"{do}_memory"
    weighed = {
        name: workload
        for name, workload in results["workloads"].items()
        if any(key in answer for answer in workload["peers"].values())
    }
    what = "one forward and backward" if do == "train" else "one forward without gradients"
    title = f"Peak memory of {what}, MiB above input, weights and library (output included)"
    return _each(results, title, lambda answer: megabytes(answer.get(key, {})), weighed, list(results["peers"]))


def _stages(results: dict[str, Any]) -> Table:
    rows = []
    for name, workload in results["workloads"].items():
        stages = workload["stages"]
        if "reason" in stages:
            continue
        floors = {
            (work["stage"], work["direction"]): floor_seconds(Work(**work), results["machine"]["limits"])
            for work in stages["work"]
        }
        for stage, seconds in stages["spent"].items():
            if sum(seconds.values()) < 1e-5:
                continue
            cells = [
                text
                for way in ("forward", "backward")
                for text in (
                    milliseconds(seconds[way]),
                    milliseconds(floors[stage, way]) if (stage, way) in floors else NOTHING,
                )
            ]
            rows.append([name, stage, *cells])
    head = ["", "stage", "forward, ms", "its floor, ms", "backward, ms", "its floor, ms"]
    return Table("Where the time of snn goes (according to PyTorch's profiler, which itself adds time)", head, rows)


def _scaling(results: dict[str, Any]) -> Table:
    if not results["scaling"]:
        return Table("", [], [])
    sizes = results["scaling"][0]["sizes"]

    def cells(seconds: list[float]) -> list[str]:
        return [*map(milliseconds, seconds), *[NOTHING] * (len(sizes) - len(seconds))]

    def fitted(row: dict[str, Any], peer: str) -> str:
        return f"{row['exponents'][peer]:.2f}" if peer in row["exponents"] else NOTHING

    rows = [
        [f"{row['axis']} ({row['others']})", results["peers"][peer]["title"], *cells(seconds), fitted(row, peer)]
        for row in results["scaling"]
        for peer, seconds in row["seconds"].items()
    ]
    head = ["grows", "", *map(str, sizes), "exponent"]
    notes = ["the time grows with the size to the power of the exponent, fitted over all sizes"]
    return Table("A LIF layer alone, forward and backward, ms, by size", head, rows, notes)


def _agreement(results: dict[str, Any]) -> Table:
    workloads = results["workloads"]
    names = [n for n in results["peers"] if any("spikes" in w["peers"].get(n, {}) for w in workloads.values())]

    def cell(answer: dict[str, Any]) -> str:
        if "spikes" not in answer:
            return NOTHING
        gradient = answer["gradient"]
        return f"{answer['spikes']:.0e}, {'not compared' if isinstance(gradient, str) else f'{gradient:.0e}'}"

    notes = [
        f"{results['peers'][name]['title']}, gradients not compared: {PEERS[name].gradients_differ}"
        for name in names
        if PEERS[name].gradients_differ
    ]
    title = "Agreement with the plain loop: share of spikes that differ, relative difference of the gradient"
    return _each(results, title, cell, workloads, names, notes)


def _peers(results: dict[str, Any]) -> Table:
    rows = [
        [
            peer["title"],
            machine.listed(peer.get("versions", {})) or peer["reason"],
            peer["note"],
        ]
        for peer in results["peers"].values()
    ]
    return Table("What ran", ["", "versions", "how"], rows)


def _machine(results: dict[str, Any]) -> Table:
    limits = results["machine"]["limits"]
    processor, cores, system, *rest = machine.rows(results, "each library", results["machine"]["threads"])
    rows = [
        processor,
        cores,
        ["memory", f"{results['machine']['memory_gb']} GiB"],
        system,
        ["copy within the cache (8 MiB), read and written", f"{limits['copy_8_mib']:.1f} GB/s"],
        ["copy beyond the cache (256 MiB), read and written", f"{limits['copy_256_mib']:.1f} GB/s"],
        ["first touch of fresh memory, written", f"{limits['first_touch']:.1f} GB/s"],
        ["product of float32 matrices (1024 x 1024)", f"{limits['product']:.0f} GFLOP/s"],
        ["kernels", "; ".join(results["peers"][OWN].get("kernels", [])) or NOTHING],
        *rest,
    ]
    return Table("The machine", ["", ""], rows)


def _titles(results: dict[str, Any], names: Sequence[str]) -> list[str]:
    return [results["peers"][name]["title"] for name in names]


def _floor(workload: dict[str, Any], limits: dict[str, float], directions: Sequence[str]) -> str:
    if "work" not in workload["stages"]:
        return NOTHING
    works = [Work(**work) for work in workload["stages"]["work"]]
    return milliseconds(sum(floor_seconds(work, limits) for work in works if work.direction in directions))


def spread(three: tuple[float, float, float], unit: str = "") -> str:
    """Write a median with its unit and its quartiles.

    Example:
        >>> spread((1.0, 2.5, 3.0), "×")
        '2.5× (1–3)'
    """
    low, middle, high = map(figure, three)
    return f"{middle}{unit} ({low}–{high})"


def milliseconds(seconds: float) -> str:
    """Write a duration in milliseconds.

    Example:
        >>> milliseconds(0.01234)
        '12.3'
    """
    return figure(1e3 * seconds)


def figure(value: float) -> str:
    """Write a number to three digits.

    Example:
        >>> figure(1234.5)
        '1234'
    """
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def both_ways(times: Mapping[str, Any]) -> str:
    """Write the medians of the times forward and backward, as far as there are any, in milliseconds."""
    ways = [way for way in ("forward", "backward") if way in times]
    return " + ".join(milliseconds(statistics.median(times[way])) for way in ways) or NOTHING


def megabytes(answer: Mapping[str, Any]) -> str:
    """Write the memory in MiB, or a dash if it was not measured."""
    return f"{answer['megabytes']:.0f}" if "megabytes" in answer else NOTHING
