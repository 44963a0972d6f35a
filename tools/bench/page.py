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


def page(results: dict[str, Any], programs: str = "") -> str:
    """Return the page of the results in ``dist/bench.json``, with the section on whole training steps in it."""
    all_tables = tables.every(results)
    sections = [f"## {table.title}\n\n`{results['command']}`\n\n{table.markdown()}\n" for table in all_tables]
    return "\n".join([_HEAD.format(programs=programs, rounds=results["rounds"], **results["machine"]), *sections])
