"""The benchmark on a GPU: ``python -m bench.gpu`` measures, and writes dist/bench-gpu.json and docs/gpu-results.md.

It is the benchmark of the CPU with other workers: each library runs in its own process, is checked against a plain loop
and takes turns with the others. Times come from CUDA events, memory from PyTorch's allocator.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import sys
from typing import Any

import gpus
from bench import layers, machine, report, tables
from bench.measure import Bench
from bench.peers.registry import STEPS
from bench.process import Plan
from bench.tables import Table
from bench.workloads import WORKLOADS, Workload

NAMES = ("W1a", "W1b", "W1c", "W1d", "W2", "W3", "W4", "W5-500", "W5-2000")
_BESIDE = (STEPS, "snntorch", "spikingjelly")
_PLAN = Plan(rounds=10, seconds=0.3, threads=0)
_NOTES = {
    "snn": "`unroll(net, xs)`, with the kernels of snn-triton where they take a layer",
    "spikingjelly": "whole sequences, with the kernels that it has for a GPU; it resets at once, before the decay, and "
    "no option changes that, so it is compared with a loop that does the same",
}
_HEAD = """# Results on a GPU

Written by `nox -s gpu` on {date}, on one machine: {gpu}. It does not apply to other cards.

How it is measured: each library runs in its own process and environment, from the same inputs and weights, in float32,
without TF32, and with the surrogate `atan` if it has that. Before anything is timed, its spikes and the gradient of the
input (of the first weights, where there are any) are compared with those of a plain PyTorch loop on the same GPU; a
library with other numbers is not timed. Then the libraries take turns, in a different order in each round; the first
round and the first call of each turn are dropped, and {rounds} rounds count. A time is that between two CUDA events on
the stream. A cell is the median of the rounds, or of the ratios within a round, with quartiles in parentheses. Memory
is the peak of PyTorch's allocator in one call, in its own process.
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure and write both files; the exit code is 3 if there is no GPU to measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("dist/bench-gpu.json"), help="the JSON file")
    parser.add_argument("--page", type=pathlib.Path, default=pathlib.Path("docs/gpu-results.md"), help="the page")
    session = report.session(arguments)
    options = parser.parse_args(session.words)
    if reason := gpus.unseen():
        print(f"nothing is measured: {reason}", file=sys.stderr)
        return gpus.NONE
    results = measured(session.python, session.absent)
    report.write({options.out: json.dumps(results, indent=1) + "\n", options.page: page(results)})
    return 0


def measured(pythons: dict[str, str], absent: dict[str, str], plan: Plan = _PLAN) -> dict[str, Any]:
    """Run every workload through every peer, on all threads of the processor where the plan names none.

    Returns:
        The content of the JSON file.
    """
    cpu = machine.described()
    plan = dataclasses.replace(plan, threads=plan.threads or int(cpu["cores"]))
    with Bench(pythons, absent, plan, _BESIDE, "bench.gpu_worker") as bench:
        for name, note in _NOTES.items():
            bench.peers[name]["note"] = note
        return {
            "command": "nox -s gpu",
            "date": report.today(),
            "machine": {**cpu, "threads": plan.threads, "limits": {}, **_card()},
            "peers": bench.peers,
            "rounds": plan.rounds,
            "workloads": {name: bench.workload(_for_all(WORKLOADS[name])) for name in NAMES},
            "scaling": [],
        }


def page(results: dict[str, Any]) -> str:
    """Write the page of what `measured` returned."""
    head = _HEAD.format(gpu=results["machine"]["gpu"], date=results["date"], rounds=results["rounds"])
    return f"{head}\n{tables.sections(layers.every(results, _machine(results)))}\n"


def _for_all(workload: Workload) -> Workload:
    """Return the workload for every peer; on a GPU even the step loops of the deep nets take only seconds."""
    return dataclasses.replace(workload, peers=(), memory=True)


def _card() -> dict[str, str | int]:
    import torch

    card = torch.cuda.get_device_properties(0)
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
    return {
        "gpu": card.name,
        "architecture": getattr(card, "gcnArchName", "") or f"sm_{card.major}{card.minor}",
        "multiprocessors": card.multi_processor_count,
        "gpu_memory_gb": round(card.total_memory / 2**30),
        "toolkit": built,
    }


def _machine(results: dict[str, Any]) -> Table:
    at = results["machine"]
    rows = [
        ["GPU", f"{at['gpu']} ({at['architecture']}, {at['multiprocessors']} multiprocessors)"],
        ["its memory", f"{at['gpu_memory_gb']} GiB"],
        ["PyTorch's toolkit", at["toolkit"]],
        ["kernels", "; ".join(results["peers"]["snn"].get("kernels", [])) or tables.NOTHING],
        *machine.rows(results, "each library", at["threads"]),
    ]
    return Table("The machine", ["", ""], rows)


if __name__ == "__main__":
    sys.exit(main())
