"""``python -m bench --scaling``: time one process, two that train a net together, and a model of more.

In the model, a step takes as long as it does without an exchange; then the processes exchange the gradients in a ring,
where each sends ``2 (n - 1) / n`` times their size at the speed measured between two.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

from bench import machine, report
from bench.parallel_worker import LAYERS, STEPS, WIDTH
from bench.tables import NOTHING, Table, sections

_BATCH = 64
_MORE = (4, 8, 16, 64)


def modeled(alone: float, exchanged: float, processes: int) -> float:
    """Return the seconds of a step of several processes whose exchange does not overlap with the backward pass.

    Example:
        >>> modeled(alone=1.0, exchanged=0.5, processes=1), modeled(alone=1.0, exchanged=0.5, processes=2)
        (1.0, 1.5)
        >>> modeled(alone=1.0, exchanged=0.5, processes=4)
        1.75
    """
    return alone + exchanged * 2 * (processes - 1) / processes


def tables(results: dict[str, Any]) -> list[Table]:
    """Return the tables of what was measured with one process and with two, and of the model."""
    single, double = results["one"], results["two"]
    first = single[str(_BATCH)]["together"]
    rows = [["1", str(_BATCH), _ms(first), NOTHING, f"{_BATCH / first:.0f}", "1"]]
    for batch in (_BATCH // 2, _BATCH):
        seconds, alone = (double[str(batch)][way] for way in ("together", "alone"))
        rate = 2 * batch / seconds
        waited = _ms(max(seconds - alone, 0.0))
        rows.append(["2", str(batch), _ms(seconds), waited, f"{rate:.0f}", f"{rate * first / _BATCH:.2f}"])
    size, speed = double["bytes"] / 2**20, double["bytes"] / double["exchange"] / 1e9
    shared = double[str(_BATCH)]["alone"] / first
    notes = [
        f"gradients: {size:.1f} MiB; an exchange by itself: {_ms(double['exchange'])} ms, {speed:.2f} GB/s",
        f"without the exchange, a step of two, batch {_BATCH} each, takes {shared:.2f} times as long as that of one",
        f"{results['machine']['processor']}, {results['machine']['cores']} cores",
    ]
    title = f"{LAYERS} x [Linear({WIDTH},{WIDTH})-LIF], T={STEPS}, one thread per process, gloo"
    head = ["processes", "batch of each", "step, ms", "exchange within it, ms", "samples per second", "speed-up"]
    more = [
        [str(n), _ms(seconds), f"{n * _BATCH / seconds:.0f}", f"{first / seconds:.0%}"]
        for n in _MORE
        for seconds in [modeled(first, double["exchange"], n)]
    ]
    model = "More processes, by the model, not measured"
    columns = [f"processes, batch {_BATCH} each", "step, ms", "samples per second", "efficiency"]
    assumed = "every process has its own core, memory and link of that speed; nothing overlaps"
    return [Table(title, head, rows, notes), Table(model, columns, more, [assumed])]


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f}"


def main(session: report.Session) -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="nox -s bench -- --scaling")
    parser.add_argument("--rounds", type=report.positive, default=15, help="steps that count (default: 15)")
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("dist/bench-scaling.json"), help="the JSON file"
    )
    options = parser.parse_args(session.words)
    results = {"machine": machine.described()} | {
        name: _run(count, options.rounds) for name, count in (("one", 1), ("two", 2))
    }
    print(sections(tables(results)))
    report.write({options.out: json.dumps(results, indent=1) + "\n"})


def _run(processes: int, rounds: int) -> dict[str, Any]:
    options = ("--standalone", f"--nproc-per-node={processes}", "-m", "bench.parallel_worker")
    sizes = (rounds, _BATCH // 2, _BATCH)
    tools = str(pathlib.Path(__file__).parents[1])
    process = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *options, *map(str, sizes)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": tools},
    )
    return json.loads(process.stdout.splitlines()[-1])
