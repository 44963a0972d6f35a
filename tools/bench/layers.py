"""The tables and the page of the benchmark of layers and small nets, from ``dist/bench.json``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bench import machine
from bench.limits import Work, floor_seconds
from bench.peers.registry import LAST, LAST_STEPS, OWN, PEERS, STEPS, TUNED
from bench.tables import NOTHING, Table, both_ways, megabytes, milliseconds, quartiles, ratios, spread, totals

_VARIANTS = tuple(name for name in PEERS if name.split("-")[0] == OWN)
Results = dict[str, Any]


def page(results: Results, programs: str = "") -> str:
    """Return the page of the results in ``dist/bench.json``, with the section on whole training steps in it."""
    sections = [f"## {table.title}\n\n`{results['command']}`\n\n{table.markdown()}\n" for table in every(results)]
    return "\n".join([HEAD.format(programs=programs, rounds=results["rounds"], **results["machine"]), *sections])


def every(results: Results, last: Table | None = None) -> Iterator[Table]:
    """Yield all tables for which something was measured; the last is that of the processor unless one is given."""
    tables = [
        _against(results, OWN, "train"),
        _against(results, TUNED, "train"),
        _beside_last(results),
        _each(
            results,
            "Forward + backward, ms",
            lambda answer: both_ways(answer.get("train", {})),
            list(results["peers"]),
        ),
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


def beside_last(answers: Mapping[str, dict[str, Any]]) -> dict[str, tuple[float, float, float]]:
    """Return how many times as long as the last release this tree takes, round by round.

    Args:
        answers: Each peer's answer to one workload, times in seconds by round; those of new processes in ``"anew"``.

    Returns:
        Quartiles for ``"forward"``, ``"backward"``, ``"train"`` (both together), and ``"infer"`` and ``"steps"`` (the
        step loop, both together) where they were timed: below 1 this tree is faster.

    Example:
        >>> times = {"train": {"forward": [1.0, 1.0], "backward": [2.0, 3.0]}}
        >>> last = {"train": {"forward": [2.0, 2.0], "backward": [4.0, 6.0]}}
        >>> beside_last({"snn": times, "snn-last": last})["train"]
        (0.5, 0.5, 0.5)
    """
    own, last = (_times(answers, whole, steps) for whole, steps in ((OWN, STEPS), (LAST, LAST_STEPS)))
    return {way: ratios(last[way], own[way]) for way in own if way in last}


def _times(answers: Mapping[str, dict[str, Any]], whole: str, steps: str) -> dict[str, list[float]]:
    """Return the times of two peers by what was timed: those of whole sequences, and those of a step loop."""
    answer, looped = answers.get(whole, {}), answers.get(steps, {})
    answer = answer.get("anew", answer)
    times: dict[str, list[float]] = {}
    if "train" in answer:
        times |= answer["train"] | {"train": totals(answer["train"].values())}
    if "infer" in answer:
        times["infer"] = answer["infer"]["forward"]
    if "train" in looped:
        times["steps"] = totals(looped["train"].values())
    return times


_AGAINST = {
    (OWN, "train"): "Forward and backward: how many times as long as snn",
    (TUNED, "train"): "Forward and backward: how many times as long as snn, tuned",
    (OWN, "infer"): "Inference: how many times as long as snn",
}


def _against(results: Results, base: str, do: str) -> Table:
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
        own_times = spread(quartiles([1e3 * seconds for seconds in own]))
        floor = _floor(workload, results["machine"]["limits"], ways)
        rows.append([f"{name}: {workload['title']}", own_times, floor, *cells])
    head = ["", f"{results['peers'][base]['title']}, ms", "floor, ms", *_titles(results, others)]
    if all(row[2] == NOTHING for row in rows):  # no limits were measured, as on a GPU
        for line in (head, *rows):
            del line[2]
    notes = [f"{title}, {', '.join(names)}: {reason}" for (title, reason), names in reasons.items()]
    notes += [f"{peer['title']}: {peer['reason']}" for peer in results["peers"].values() if "reason" in peer]
    return Table(_AGAINST[base, do], head, rows, notes)


def _floor(workload: Results, limits: dict[str, float], directions: Sequence[str]) -> str:
    if "work" not in workload["stages"]:
        return NOTHING
    works = [Work(**work) for work in workload["stages"]["work"]]
    return milliseconds(sum(floor_seconds(work, limits) for work in works if work.direction in directions))


_WAYS = {"forward": "forward", "backward": "backward", "train": "both", "infer": "inference", "steps": "step loop"}


def _beside_last(results: Results) -> Table:
    """Return ratios of our times to those of our last release, the inverse of those to others: above 1 is slower.

    A time is slower by more than the spread if its lower quartile is above 1.
    """
    compared = {name: workload["beside_last"] for name, workload in results["workloads"].items()}
    rows = [
        [name, *(spread(ways[way], "×") if way in ways else NOTHING for way in _WAYS)]
        for name, ways in compared.items()
        if ways
    ]
    lost = [f"{name} {_WAYS[way]}" for name, ways in compared.items() for way, (low, _, _) in ways.items() if low > 1]
    notes = [f"slower, by more than the quartiles: {', '.join(lost) or 'nothing'}"]
    title = "Compared with our last release: how many times as long snn takes (less than 1 is faster)"
    return Table(title, ["", *_WAYS.values()], rows, notes)


def _each(
    results: Results,
    title: str,
    cell: Callable[[dict[str, Any]], str],
    names: Sequence[str],
    notes: Sequence[str] = (),
    key: str = "",
) -> Table:
    """Return a table with a row for each workload, if any answer to it has the key, and a cell for each peer."""
    rows = [
        [name, *(cell(workload["peers"].get(peer, {})) for peer in names)]
        for name, workload in results["workloads"].items()
        if not key or any(key in answer for answer in workload["peers"].values())
    ]
    return Table(title, ["", *_titles(results, names)], rows, notes)


def _memory(results: Results, do: str) -> Table:
    key = f"{do}_memory"
    what = "one forward and backward" if do == "train" else "one forward without gradients"
    title = f"Peak memory of {what}, MiB above input, weights and library (output included)"
    return _each(results, title, lambda answer: megabytes(answer.get(key, {})), list(results["peers"]), key=key)


def _stages(results: Results) -> Table:
    rows = []
    for name, workload in results["workloads"].items():
        works = [Work(**work) for work in workload["stages"].get("work", ())]
        floors = {(work.stage, work.direction): floor_seconds(work, results["machine"]["limits"]) for work in works}
        for stage, seconds in workload["stages"].get("spent", {}).items():
            if sum(seconds.values()) < 1e-5:
                continue
            cells = []
            for way in ("forward", "backward"):
                cells.append(milliseconds(seconds[way]))
                cells.append(milliseconds(floors[stage, way]) if (stage, way) in floors else NOTHING)
            rows.append([name, stage, *cells])
    head = ["", "stage", "forward, ms", "its floor, ms", "backward, ms", "its floor, ms"]
    return Table("Where the time of snn goes (according to PyTorch's profiler, which itself adds time)", head, rows)


def _scaling(results: Results) -> Table:
    if not results["scaling"]:
        return Table("", [], [])
    sizes = results["scaling"][0]["sizes"]
    rows = []
    for row in results["scaling"]:
        for peer, seconds in row["seconds"].items():
            cells = [*map(milliseconds, seconds), *[NOTHING] * (len(sizes) - len(seconds))]
            fitted = f"{row['exponents'][peer]:.2f}" if peer in row["exponents"] else NOTHING
            rows.append([f"{row['axis']} ({row['others']})", results["peers"][peer]["title"], *cells, fitted])
    head = ["grows", "", *map(str, sizes), "exponent"]
    notes = ["the time grows with the size to the power of the exponent, fitted over all sizes"]
    return Table("A LIF layer alone, forward and backward, ms, by size", head, rows, notes)


def _agreement(results: Results) -> Table:
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
    return _each(results, title, cell, names, notes)


def _peers(results: Results) -> Table:
    rows = [
        [peer["title"], machine.listed(peer.get("versions", {})) or peer["reason"], peer["note"]]
        for peer in results["peers"].values()
    ]
    return Table("What ran", ["", "versions", "how"], rows)


def _machine(results: Results) -> Table:
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


def _titles(results: Results, names: Sequence[str]) -> list[str]:
    return [results["peers"][name]["title"] for name in names]


HEAD = """# Benchmarks

This page compares [whole training steps](#whole-training-steps) with those of other libraries, and then
[layers and small nets](#layers-and-small-nets), forward and backward alone.

{programs}

## Layers and small nets

`nox -s bench -- --page docs/benchmarks.md` wrote these tables from one run. Every table names the command that made it;
`nox -s bench -- W2` measures one workload, `nox -s bench -- --quick` checks that everything works on your machine.

All figures are from one machine: {processor}, {cores} cores, of which each library used {threads}. On another machine,
expect only the ratios to be roughly the same.

How it is measured: each library runs in its own process and environment, from the same inputs and weights, in float32
and with the surrogate `atan` if it has that. Before anything is timed, its spikes and the gradient of the input (of the
first weights, where there are any) are compared with those of a plain PyTorch loop; a library with other numbers is not
timed. Then the libraries take turns, in a different order in each round; the first round is dropped, and {rounds}
rounds count. A cell is the median of the ratios within a round, with quartiles in parentheses. One neuron in eight to
ten fires in a step.

The *floor* is the least time in which this machine can read and write once what each layer has to, or compute its
matrix products, whichever takes longer. A product with spikes may add up rows instead of multiplying, and so be faster
than the floor.

*Last release* is the release of `snn` that [What ran](#what-ran) names, which may not be the last one any more. It was
built from its commit, with its own kernels. Every round times the whole sequences of both in two new processes, because
where a process's memory lies decides how fast the process reads it.

*Tuned* is the same program after `snn_cpu.tune_allocator()`: the whole process reuses freed memory instead of
requesting memory from the system again.
"""
