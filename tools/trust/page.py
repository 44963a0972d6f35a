"""Make the tables of ``docs/trust.md``."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterable

import torch

from bench import machine
from bench.tables import NOTHING, Table, sections
from marked import Part
from trust import equations, machinery, parity, smooth
from trust.neurons import EVERY, Neuron

PART = Part("<!-- tables: written by tools/trust -->", "<!-- end of the tables -->")

COLUMNS: dict[str, Callable[[Neuron], str]] = {
    "closed form": lambda neuron: _known(equations.closed_form(neuron)),
    "order in dt": lambda neuron: _order(equations.convergence_order(neuron)),
    "gradient": lambda neuron: _small(smooth.smooth_gradient(neuron)),
    "snnTorch": lambda neuron: _pair(parity.parity(neuron)),
    "dtypes": lambda neuron: _listed(machinery.dtypes(neuron)),
    "kernel": machinery.kernel,
    **machinery.VERDICTS,
}
"""The function that measures each column, by title."""

_TABLES = {
    "Numbers": ("closed form", "order in dt", "gradient", "snnTorch"),
    "Where it runs": ("dtypes", "kernel"),
    "PyTorch's own transformations": tuple(machinery.VERDICTS),
}


def measured(neurons: Iterable[Neuron] = EVERY) -> str:
    """Measure everything about some neurons, and return the tables of the page."""
    rows = {neuron.name: {title: measure(neuron) for title, measure in COLUMNS.items()} for neuron in neurons}
    tables = [
        Table(title, ["", *columns], [[name, *(cells[c] for c in columns)] for name, cells in rows.items()])
        for title, columns in _TABLES.items()
    ]
    packages = ("torch", "snntorch", "onnxruntime")
    ran = machine.listed({name: machine.version(name) or "not installed" for name in packages})
    end = f"Measured with Python {platform.python_version()}, {ran}; {torch.get_num_threads()} thread."
    return f"{sections(tables)}\n\n{end}"


def _small(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}"


def _known(value: float | None) -> str:
    return NOTHING if value is None else _small(value)


def _order(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def _pair(pair: tuple[float, float] | str) -> str:
    if isinstance(pair, str):
        return pair
    spikes, mem = pair
    return f"{spikes:.2%} spikes" if math.isnan(mem) else f"{spikes:.2%} spikes, {_small(mem)}"


def _listed(names: list[str]) -> str:
    return "all four" if len(names) == 4 else ", ".join(names)
