"""The page of the documentation."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version

import torch

from bench.tables import NOTHING, Table, sections
from trust import equations, machinery, parity, smooth
from trust.neurons import EVERY, Neuron

_HEAD = """# Measured facts about every neuron

`nox -s trust` measured everything on this page and wrote it; nothing is typed in by hand. The tests check all of it for
every neuron, option by option, so that it does not get worse.

- *Closed form*: largest difference of the membrane, over random input in float64, from an analytic solution: the sum
  over all input so far, weighted by the impulse response; for LSTMs from `torch.nn.LSTM`; for LeakyParallel the share
  of spikes that differ; – if there is no such solution.
- *Order in dt*: the power of the time step with which the silent membrane converges to that of its differential
  equation, measured over steps from 0.5 ms to a thirty-second of it; – if there is no such equation.
- *Gradient*: largest relative difference from central differences over input and all parameters, with a smooth function
  instead of the step, for every reset.
- *snnTorch*: share of spikes that differ, and largest difference of a membrane (float32, up to ± 10), over 100 steps
  from the same `state_dict`. Where the numbers differ, [that is on purpose](coming-from-snntorch.md).
- *Dtypes*: those in which spikes and states keep the dtype of the input, and gradients are finite.
- *Kernel*: the implementation that runs a sequence in float32 if snn-cpu is installed.
- *Compiled* (`fullgraph=True`, without compiling again for another batch size), *exported* (`torch.export`, with a free
  batch size, the states in and out), *ONNX Runtime* (the exported step, float32), *vmap* and *func.grad*: *equal* to
  plain execution, or the largest difference.
"""

COLUMNS: dict[str, Callable[[Neuron], str]] = {
    "closed form": lambda neuron: _known(equations.closed_form(neuron)),
    "order in dt": lambda neuron: _order(equations.convergence_order(neuron)),
    "gradient": lambda neuron: _small(smooth.smooth_gradient(neuron)),
    "snnTorch": lambda neuron: _pair(parity.parity(neuron)),
    "dtypes": lambda neuron: _listed(machinery.dtypes(neuron)),
    "kernel": machinery.kernel,
    **machinery.VERDICTS,
}
"""What each column measures, by title."""

_TABLES = {
    "Numbers": ("closed form", "order in dt", "gradient", "snnTorch"),
    "Where it runs": ("dtypes", "kernel"),
    "PyTorch's own transformations": tuple(machinery.VERDICTS),
}


def row(neuron: Neuron) -> dict[str, str]:
    """Everything about one neuron, by title."""
    return {title: measure(neuron) for title, measure in COLUMNS.items()}


def page(neurons: Iterable[Neuron] = EVERY) -> str:
    """The whole page."""
    rows = {neuron.name: row(neuron) for neuron in neurons}
    tables = [
        Table(title, ["", *columns], [[name, *(cells[c] for c in columns)] for name, cells in rows.items()])
        for title, columns in _TABLES.items()
    ]
    ran = ", ".join(f"{name} {_version(name)}" for name in ("torch", "snntorch", "onnxruntime"))
    end = f"Measured with Python {platform.python_version()}, {ran}; {torch.get_num_threads()} thread.\n"
    return f"{_HEAD}\n{sections(tables)}\n\n{end}"


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


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
