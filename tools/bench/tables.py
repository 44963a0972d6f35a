"""The tables, from what was measured."""

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

    Args:
        title: What it shows.
        head: Titles of the columns.
        rows: Cells, as many in each row as there are columns.
        notes: Lines under it.

    Example:
        >>> print(Table("Two", ["a", "b"], [["1", "22"]], ["seen"]).markdown())
        | a | b  |
        |---|---|
        | 1 | 22 |
        <BLANKLINE>
        - seen
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self, padded: bool = True) -> str:
        """The table and the notes under it; padded, all cells of a column are as wide as the widest."""
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


def every(found: dict[str, Any], last: Table | None = None) -> Iterator[Table]:
    """All tables of a run, those left out for which nothing was measured.

    Args:
        found: What ``dist/bench.json`` holds.
        last: The last table, of what was measured on; that of a processor if None.

    Yields:
        The tables, in the order of the page.
    """
    made = [
        _against(found, OWN, "train"),
        _against(found, TUNED, "train"),
        _beside_last(found),
        _apart(found),
        _against(found, OWN, "infer"),
        _memory(found, "train"),
        _memory(found, "infer"),
        _stages(found),
        _scaling(found),
        _agreement(found),
        _peers(found),
        last or _machine(found),
    ]
    yield from (table for table in made if table.rows)


_AGAINST = {
    (OWN, "train"): "Forward and backward: how many times longer than snn",
    (TUNED, "train"): "Forward and backward: how many times longer than snn, tuned",
    (OWN, "infer"): "Inference: how many times longer than snn",
}


def _against(found: dict[str, Any], base: str, do: str) -> Table:
    """Ratios to one of ours, round by round; with the time of ours and the least that memory and arithmetic allow."""
    if base not in found["peers"]:
        return Table("", [], [])
    current = [name for name in found["peers"] if PEERS[name].environment != LAST]
    others = [name for name in current if name != base and (base == OWN or name not in _VARIANTS)]
    rows: list[list[str]] = []
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)  # workloads with empty cells, by peer and reason
    for name, workload in found["workloads"].items():
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
                reasons[found["peers"][peer]["title"], answer["reason"]].append(name)
        ways = ("forward", "backward") if do == "train" else ("inference",)
        floor = _floor(workload, found["machine"]["limits"], ways)
        own_times = spread(quartiles([1e3 * one for one in own]))
        rows.append([f"{name}: {workload['title']}", own_times, floor, *cells])
    head = ["", f"{found['peers'][base]['title']}, ms", "floor, ms", *_titles(found, others)]
    if all(row[2] == NOTHING for row in rows):  # no limits were measured, as on a GPU
        for line in (head, *rows):
            del line[2]
    notes = [f"{title}, {', '.join(names)}: {reason}" for (title, reason), names in reasons.items()]
    notes += [f"{one['title']}: {one['reason']}" for one in found["peers"].values() if "reason" in one]
    return Table(_AGAINST[base, do], head, rows, notes)


_WAYS = {
    "forward": "forward",
    "backward": "backward",
    "train": "both",
    "infer": "inference",
    "steps": "step loop",
}


def _beside_last(found: dict[str, Any]) -> Table:
    """Ratios of ours to those of our last release, the other way round than beside others: above 1 we have lost."""
    compared = {name: workload["beside_last"] for name, workload in found["workloads"].items()}
    rows = [
        [name, *(spread(ways[way], "×") if way in ways else NOTHING for way in _WAYS)]
        for name, ways in compared.items()
        if ways
    ]
    lost = [f"{name} {_WAYS[way]}" for name, ways in compared.items() for way in slower(ways)]
    notes = [f"slower, by more than the quartiles: {', '.join(lost) or 'nothing'}"]
    title = "Beside our last release: how many times as long snn takes, less than 1 is faster"
    return Table(title, ["", *_WAYS.values()], rows, notes)


def _each(
    found: dict[str, Any],
    title: str,
    cell: Callable[[dict[str, Any]], str],
    workloads: Mapping[str, dict[str, Any]],
    names: Sequence[str],
    notes: Sequence[str] = (),
) -> Table:
    """A row for each workload, and in it a cell of what each peer answered."""
    rows = [[name, *(cell(workload["peers"].get(peer, {})) for peer in names)] for name, workload in workloads.items()]
    return Table(title, ["", *_titles(found, names)], rows, notes)


def _apart(found: dict[str, Any]) -> Table:
    def cell(answer: dict[str, Any]) -> str:
        if "train" not in answer:
            return NOTHING
        return " + ".join(milliseconds(statistics.median(answer["train"][way])) for way in ("forward", "backward"))

    return _each(found, "Forward + backward, ms", cell, found["workloads"], list(found["peers"]))


def _memory(found: dict[str, Any], do: str) -> Table:
    def cell(answer: dict[str, Any]) -> str:
        megabytes = answer.get(f"{do}_memory", {}).get("megabytes")
        return NOTHING if megabytes is None else f"{megabytes:.0f}"

    weighed = {
        name: workload
        for name, workload in found["workloads"].items()
        if any(f"{do}_memory" in answer for answer in workload["peers"].values())
    }
    what = "one forward and backward" if do == "train" else "one forward without gradients"
    title = f"Peak memory of {what}, MiB above input, weights and library (its output included)"
    return _each(found, title, cell, weighed, list(found["peers"]))


def _stages(found: dict[str, Any]) -> Table:
    rows = []
    for name, workload in found["workloads"].items():
        stages = workload["stages"]
        if "reason" in stages:
            continue
        floors = {
            (work["stage"], work["direction"]): floor_seconds(Work(**work), found["machine"]["limits"])
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
    return Table("Where the time of snn goes (by PyTorch's profiler, which adds to it)", head, rows)


def _scaling(found: dict[str, Any]) -> Table:
    if not found["scaling"]:
        return Table("", [], [])
    sizes = found["scaling"][0]["sizes"]

    def cells(seconds: list[float]) -> list[str]:
        return [*map(milliseconds, seconds), *[NOTHING] * (len(sizes) - len(seconds))]

    def fitted(one: dict[str, Any], peer: str) -> str:
        return f"{one['exponents'][peer]:.2f}" if peer in one["exponents"] else NOTHING

    rows = [
        [f"{one['axis']} ({one['others']})", found["peers"][peer]["title"], *cells(seconds), fitted(one, peer)]
        for one in found["scaling"]
        for peer, seconds in one["seconds"].items()
    ]
    head = ["grows", "", *map(str, sizes), "exponent"]
    notes = ["the exponent is that of the power of the size with which the time grows, fitted over all sizes"]
    return Table("A LIF layer alone, forward and backward, ms, by size", head, rows, notes)


def _agreement(found: dict[str, Any]) -> Table:
    workloads = found["workloads"]
    names = [n for n in found["peers"] if any("spikes" in w["peers"].get(n, {}) for w in workloads.values())]

    def cell(answer: dict[str, Any]) -> str:
        if "spikes" not in answer:
            return NOTHING
        gradient = answer["gradient"]
        return f"{answer['spikes']:.0e}, {'not compared' if isinstance(gradient, str) else f'{gradient:.0e}'}"

    notes = [
        f"{found['peers'][name]['title']}, gradients not compared: {PEERS[name].gradients_differ}"
        for name in names
        if PEERS[name].gradients_differ
    ]
    title = "Agreement with the plain loop: share of spikes that differ, relative difference of the gradient"
    return _each(found, title, cell, workloads, names, notes)


def _peers(found: dict[str, Any]) -> Table:
    rows = [
        [
            one["title"],
            machine.listed(one.get("versions", {})) or one["reason"],
            one["note"],
        ]
        for one in found["peers"].values()
    ]
    return Table("What ran", ["", "versions", "how"], rows)


def _machine(found: dict[str, Any]) -> Table:
    limits = found["machine"]["limits"]
    processor, cores, system, *rest = machine.rows(found, "each library", found["machine"]["threads"])
    rows = [
        processor,
        cores,
        ["memory", f"{found['machine']['memory_gb']} GiB"],
        system,
        ["copy within the cache (8 MiB), read and written", f"{limits['copy_8_mib']:.1f} GB/s"],
        ["copy beyond the cache (256 MiB), read and written", f"{limits['copy_256_mib']:.1f} GB/s"],
        ["first touch of fresh memory, written", f"{limits['first_touch']:.1f} GB/s"],
        ["product of float32 matrices (1024 x 1024)", f"{limits['product']:.0f} GFLOP/s"],
        ["kernels", "; ".join(found["peers"][OWN].get("kernels", [])) or NOTHING],
        *rest,
    ]
    return Table("The machine", ["", ""], rows)


def _titles(found: dict[str, Any], names: Sequence[str]) -> list[str]:
    return [found["peers"][name]["title"] for name in names]


def _floor(workload: dict[str, Any], limits: dict[str, float], directions: Sequence[str]) -> str:
    if "work" not in workload["stages"]:
        return NOTHING
    works = [Work(**work) for work in workload["stages"]["work"]]
    return milliseconds(sum(floor_seconds(work, limits) for work in works if work.direction in directions))


def spread(three: tuple[float, float, float], unit: str = "") -> str:
    """A median with its quartiles.

    Args:
        three: Lower quartile, median and upper quartile.
        unit: Written after the median.

    Example:
        >>> spread((1.0, 2.5, 3.0), "×")
        '2.5× (1–3)'
    """
    low, middle, high = map(figure, three)
    return f"{middle}{unit} ({low}–{high})"


def milliseconds(seconds: float) -> str:
    """A duration in milliseconds.

    Example:
        >>> milliseconds(0.01234)
        '12.3'
    """
    return figure(1e3 * seconds)


def figure(value: float) -> str:
    """A number to three digits.

    Example:
        >>> figure(1234.5)
        '1234'
    """
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
