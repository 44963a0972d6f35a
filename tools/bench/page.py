"""The page of the documentation."""

from __future__ import annotations

from typing import Any

from bench import tables

_HEAD = """# Benchmarks

This page compares [whole training steps](#whole-training-steps) with those of other libraries, and then
[layers and small nets](#layers-and-small-nets), forward and backward alone.

{programs}

## Layers and small nets

`nox -s bench -- --page docs/benchmarks.md` wrote these tables from one run. Every table names the command that made it;
`nox -s bench -- W2` measures one workload, `nox -s bench -- --quick` checks that everything works on your machine.

All figures are from one machine: {processor}, {cores} cores, of which each library used {threads}. Only ratios are
roughly valid for another machine.

How it is measured: each library runs in its own process and environment, from the same inputs and weights, in float32
and with the surrogate `atan` if it has that. Before anything is timed, its spikes and the gradient of the input (of the
first weights, where there are any) are compared with those of a plain PyTorch loop; a library with other numbers is not
timed. Then all take turns, {rounds} rounds after one that is dropped, in another order each. A cell is the median of
the ratios within a round, quartiles in brackets. One spike in eight to ten can fire in a step.

The *floor* is the least time that this machine needs to move what each layer has to read and write once, or for the
products of its matrices, whichever is longer. A product of spikes may add up rows instead of multiplying, and so be
faster than the floor.

*Last release* is `snn` built from the commit of its last release, with its own kernels. Whole sequences are timed
beside it in two new processes a round, as the place of a process's memory decides how fast it reads it.

*Tuned* is the same program after `snn_cpu.tune_allocator()`: freed memory is reused instead of being requested from the
system again, in the whole process.
"""


def page(results: dict[str, Any], programs: str = "") -> str:
    """The page of what ``dist/bench.json`` holds, with the section of whole training steps in it."""
    all_tables = tables.every(results)
    sections = [f"## {table.title}\n\n`{results['command']}`\n\n{table.markdown()}\n" for table in all_tables]
    return "\n".join([_HEAD.format(programs=programs, rounds=results["rounds"], **results["machine"]), *sections])
