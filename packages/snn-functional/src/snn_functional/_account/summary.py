"""A table of a net's layers: their properties, and their activity in a batch."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from snn_core.backends import explain
from snn_core.results import Line, Result, count, share
from snn_functional._account.meter import Lengths, Meter, Tally, neurobench
from snn_functional.diagnosis import Limits
from snn_functional.statistics.synops import not_counted


@dataclass(frozen=True)
class Layer:
    """A row of a summary.

    Args:
        name: Path of the module in the net.
        kind: Its class.
        shape: Shape of the output for one sample in one step.
        parameters: Number of parameters, without those of modules that have a row of their own.
        constants: The constants of a neuron by name; for one that differs between neurons, the smallest and the
            largest value.
        rate: Mean firing rate in spikes per step; None, like the next two, if it returns no spikes.
        dead: Share of its neurons that never fired.
        saturated: Share of its neurons that fired in 19 of 20 steps or more.
        synops: Synaptic operations of a sample, a mean over the batch; None if they are not counted.
        kernel: The kernel that runs it in ``unroll``, if the net runs layer by layer.
        why: The same in full, with the reason.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    constants: dict[str, float | tuple[float, float]]
    rate: float | None
    dead: float | None
    saturated: float | None
    synops: float | None
    kernel: str | None
    why: str


@dataclass(frozen=True, repr=False)
class Summary(Result):
    """The result of :func:`~snn_functional.summary`: a table when printed, HTML in a notebook, data by ``to_dict``.

    Args:
        layers: The rows.
        parameters: Number of parameters of the net.
        trainable: Number of those that are learned.
        schedule: How ``unroll`` runs the net, and why.
        operations: Synaptic operations of a sample by NeuroBench's names, a mean over the batch.
        uncounted: Names of the modules with parameters whose operations are not counted.
    """

    layers: tuple[Layer, ...]
    parameters: int
    trainable: int
    schedule: str
    operations: dict[str, float]
    uncounted: tuple[str, ...]

    def _lines(self) -> list[Line]:
        head = ("layer", "type", "output", "parameters", "constants", "rate", "dead", "saturated", "synops", "kernel")
        effective = self.operations["Effective_MACs"] + self.operations["Effective_ACs"]
        total = ("all", "", "", f"{self.parameters:,}", "", "", "", "", count(effective), "")
        skipped = (f"operations {line}" for line in not_counted(self.uncounted))
        learn = f"{self.trainable:,} of {self.parameters:,} parameters learn"
        return [head, *map(_cells, self.layers), total, learn, self.schedule, *skipped]


def summary(net: nn.Module, xs: Tensor, *, lengths: Lengths = None) -> Summary:
    """Summarize the layers of a net: their properties, how much they fire in a batch, and the kernels that run them.

    A copy of the net is run by ``unroll``, from rest, in the mode of the net and without gradients. The net, its
    states, gradients and hooks, and the random generators of the process do not change.

    Args:
        net: The net.
        xs: Its input ``[num_steps, batch, ...]``.
        lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.

    Returns:
        One row for each module that computes, in the order in which they are called, and for each width of a neuron
        that is called at several, the first of them with its parameters. A row has type, output of one sample in one
        step, parameters, constants, firing rate in spikes per step, shares of dead and of saturated neurons (those that
        fire in 19 of 20 steps), synaptic operations of a sample by the rules of
        :class:`~snn_functional.statistics.SynopsMonitor`, and the kernel by ``snn.backends.explain``. It prints as a
        table, shows as HTML in a notebook, and ``to_dict()`` returns JSON data.

    Raises:
        TypeError: If ``net`` is not a module or cannot be copied, ``xs`` is not a real tensor, or ``lengths`` are
            not integers.
        ValueError: If ``xs`` is empty, ``lengths`` does not fit, the input of a layer contains NaN, or a layer does not
            keep the samples on axis 0.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(2, 3, bias=False), snn.Leaky(beta=0.5, init_hidden=True))
        >>> net[0].weight.data = torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
        >>> table = summary(net, torch.tensor([1.0, 0.0]).expand(10, 4, 2))
        >>> [(layer.kind, layer.parameters, layer.synops) for layer in table.layers]
        [('Linear', 6, 10.0), ('Leaky', 0, None)]
        >>> table.layers[1].constants, table.layers[1].rate, table.layers[1].saturated
        ({'beta': 0.5, 'threshold': 1.0}, 0.333..., 0.333...)

    Source: Yik et al., The neurobench framework for benchmarking neuromorphic computing algorithms and systems
    (2025), synaptic operations.
    """
    meter = Meter("summary", net, xs, lengths)
    how = explain(net, xs.detach())
    runs = {layer.path: layer.how for layer in how.layers}
    owners = _owners(net, {tally.path for tally in meter.tallies})
    layers = tuple(_layer(tally, owners.pop(tally.path, 0), runs.get(tally.path)) for tally in meter.tallies)
    sizes = [(p.numel(), p.requires_grad) for p in net.parameters()]
    return Summary(
        layers,
        sum(size for size, _ in sizes),
        sum(size for size, learns in sizes if learns),
        str(how).partition("\n")[0],
        neurobench(meter.tallies),
        meter.uncounted,
    )


def _owners(net: nn.Module, paths: set[str]) -> Counter[str]:
    """Return the numbers of parameters by path, each counted for the innermost module that has a row."""
    sizes: Counter[str] = Counter()
    for name, parameter in net.named_parameters():
        owner = name.rpartition(".")[0]
        while owner and owner not in paths:
            owner = owner.rpartition(".")[0]
        sizes[owner] += parameter.numel()
    return sizes


def _layer(tally: Tally, parameters: int, how: str | None) -> Layer:
    rate = dead = saturated = None
    if tally.spikes is not None:
        rates = tally.spikes.double() / tally.rows
        rate, dead = float(rates.mean()), float((rates == 0).double().mean())
        saturated = float((rates >= Limits.saturated_rate).double().mean())
    synops = float((tally.acs + tally.macs).mean()) if tally.is_counted else None
    kind, constants = type(tally.module).__name__, _constants(tally) if tally.is_neuron else {}
    package = re.search(r"\(([\w-]+)\)$", how or "")
    kernel = how.partition(" (")[0] if how and tally.is_neuron else package[1] if package else how
    return Layer(tally.path, kind, tally.shape, parameters, constants, rate, dead, saturated, synops, kernel, how or "")


def _constants(tally: Tally) -> dict[str, float | tuple[float, float]]:
    fires = "spk" in tally.module.output_names
    names = (*getattr(tally.module, "described", ()), *(["threshold"] if fires else []))
    values = {name: getattr(tally.module, name, None) for name in names}
    return {name: _ends(value.detach()) for name, value in values.items() if isinstance(value, Tensor)}


def _ends(value: Tensor) -> float | tuple[float, float]:
    low, high = (float(f"{end.item():.6g}") for end in torch.aminmax(value))
    return low if low == high else (low, high)


def _cells(layer: Layer) -> tuple[str, ...]:
    constants = ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value[0]:.4g}..{value[1]:.4g}"
        for name, value in layer.constants.items()
    )
    return (
        layer.name or "the net",
        layer.kind,
        "-" if layer.shape is None else str(list(layer.shape)),
        f"{layer.parameters:,}",
        constants,
        share(layer.rate),
        *("-" if part is None else f"{100 * part:.0f} %" for part in (layer.dead, layer.saturated)),
        "-" if layer.synops is None else count(layer.synops),
        layer.kernel or "-",
    )
