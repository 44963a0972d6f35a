"""A comparison of a graph with its network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core import SpikingNeuron
from snn_core.results import Line, Result
from snn_core.surrogate import Surrogate
from snn_nir.checking.probing import fire_places, membrane_of, observed, probe, probed
from snn_nir.exporting.recording import record
from snn_nir.graphs.fields import walk
from snn_nir.graphs.metadata import KEY, gathered, read_metadata, with_metadata
from snn_nir.importing.conversion import from_nir
from snn_nir.running.graph_module import GraphModule


@dataclass(frozen=True, repr=False)
class Fidelity(Result):
    """The result of :func:`fidelity`, which prints as a short report.

    Args:
        num_steps: Steps that were run.
        first_difference: First step in which an output, or the spikes of a neuron, differ; None if nothing differs.
        spikes: For each neuron, by its path in the network: spikes of the network, spikes of the graph, and places
            where they differ.
        largest_difference: Largest difference of two outputs or membrane potentials, max abs(dv).
        losses: Everything that the graph does not express, or expresses only in its metadata.

    Example:
        >>> print(Fidelity(num_steps=9, first_difference=4, spikes={"lif": (7, 6, 1)}, largest_difference=1.0))
        first difference in step 4 of 9
          lif: 7 spikes, 6 in the graph, 1 differ
          max |dv| = 1
    """

    num_steps: int
    first_difference: int | None
    spikes: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    largest_difference: float = 0.0
    losses: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """True if every output and every spike is the same."""
        return self.first_difference is None

    def _lines(self) -> list[Line]:
        same = f"identical over {self.num_steps} steps"
        head = same if self.identical else f"first difference in step {self.first_difference} of {self.num_steps}"
        rows = [f"  {n or 'the net'}: {a} spikes, {b} in the graph, {d} differ" for n, (a, b, d) in self.spikes.items()]
        lost = [f"  lost: {text}" for text in self.losses]
        return [head, *rows, f"  max |dv| = {self.largest_difference:.3g}", *lost]


def fidelity(
    net: nn.Module,
    graph: nir.NIRGraph,
    xs: Tensor | tuple[Tensor, ...] | None = None,
    *,
    num_steps: int = 100,
    metadata: bool = True,
) -> Fidelity:
    """Run a network and its graph from rest on the same input, and compare every output, spike and membrane.

    If ``forward`` passes a neuron its state, the neuron still continues from its own last state, as in the graph.
    States that ``forward`` also returns are compared as membranes. The kept states of the network do not change.

    Args:
        net: The network, called with one time step.
        graph: Its graph, as :func:`~snn_nir.to_nir` makes it; nodes are found by the paths of the modules.
        xs: Input ``[T, batch, ...]``, a tuple of them for several inputs; None draws it uniformly from [0, 2), with a
            batch of 3.
        num_steps: Steps to draw.
        metadata: Read the graph's metadata; if False, run it as any other reader of NIR would, at the recorded step.

    Returns:
        The comparison.

    Raises:
        NIRError: If the graph cannot be run, or the network cannot be expressed as a graph.
        ValueError: If the graph has more or fewer outputs than the network, ``forward`` loops over time, or there is no
            time step.

    Example:
        >>> import snn_core as snn, snn_nir
        >>> net = nn.Sequential(nn.Linear(3, 2, bias=False), snn.Leaky(beta=0.9, init_hidden=True))
        >>> _ = nn.init.constant_(net[0].weight, 0.5)
        >>> print(fidelity(net, snn_nir.to_nir(net, torch.zeros(1, 3)), torch.full((4, 1, 3), 0.5)))
        identical over 4 steps
          1: 4 spikes, 4 in the graph, 0 differ
          max |dv| = 0
    """
    inputs = sorted(name for name, node in graph.nodes.items() if isinstance(node, nir.Input))
    feed = () if xs is None else xs if isinstance(xs, tuple) else (xs,)
    like = _like(net, feed)
    feed = _drawn(like, graph, inputs, num_steps) if xs is None else feed
    if any(not len(x) for x in feed):
        raise ValueError("fidelity: there is no time step to compare; pass xs [T, batch, ...] with T >= 1")
    neurons = {path: module for path, module in net.named_modules() if isinstance(module, SpikingNeuron)}
    places = fire_places(graph, neurons)
    imported = _imported(probed(graph, places), metadata).to(like)
    outputs = [name for name in imported.output_names if name not in {probe(path) for path in places}]
    compared = _compared(net, tuple(x.new_zeros(x.shape[1:]) for x in feed), len(outputs))
    twins, counts, largest = imported.neurons, dict.fromkeys(places, (0, 0, 0)), 0.0
    first: int | None = None
    with torch.no_grad(), observed(net, neurons) as seen:
        for number, step in enumerate(zip(*(x.unbind(0) for x in feed), strict=True)):
            leaves = tree_leaves(net(*step))
            values: Any = imported(dict(zip(inputs, step, strict=True)) if len(inputs) > 1 else step[0])
            values = values if isinstance(values, Mapping) else {outputs[0]: values}
            pairs = [(leaves[i], values[name]) for i, name in zip(compared, outputs, strict=True)]
            mems = [membrane_of(path, neurons[path], seen[path][1], twins) for path in places]
            distances = [_distance(pair) for pair in pairs]
            largest = max([largest, *distances, *(_distance(pair) for pair in mems if pair)])
            for path in places:
                ours, theirs = seen[path][0], values[probe(path)]
                spikes, others, differ = counts[path]
                more = int((ours != theirs).sum())
                counts[path] = (spikes + int((ours != 0).sum()), others + int((theirs != 0).sum()), differ + more)
                distances.append(float(more))
            if first is None and any(distances):
                first = number
    return Fidelity(len(feed[0]), first, counts, largest, losses(net, graph))


def _distance(pair: tuple[Tensor, Tensor]) -> float:
    return float((pair[0] - pair[1]).abs().max()) if pair[0].numel() else 0.0


def _compared(net: nn.Module, samples: tuple[Tensor, ...], count: int) -> list[int]:
    """Return the positions of the outputs of a network's graph among the values that the network returns."""
    if isinstance(net, GraphModule):
        places = list(range(len(net.output_names)))
    else:
        recording = record(net, samples)
        if any(call.is_stack for call in recording.calls):
            raise ValueError(f"fidelity: {type(net).__name__} loops over time; pass a network that takes one step")
        ends = [id(end) for end in recording.returned() if end.of_step]
        places = [place for place, leaf in enumerate(recording.output.args[0]) if id(leaf) in ends]
    if len(places) != count:
        raise ValueError(f"fidelity: the graph has {count} outputs, the network returns {len(places)}")
    return places


def _imported(graph: nir.NIRGraph, metadata: bool) -> Any:
    if metadata:
        return from_nir(graph)
    notes = read_metadata(graph)
    others = {path: {k: v for k, v in own.items() if k != KEY} for path, own in gathered(graph).items()}
    return from_nir(with_metadata(graph, others), dt=notes.get("dt"), method=notes.get("method"), simplify=False)


def _like(net: nn.Module, feed: tuple[Tensor, ...]) -> Tensor:
    """Return a tensor with the dtype and device of a network, or of its input if it has no parameters or buffers."""
    values = (value for value in (*net.parameters(), *net.buffers(), *feed) if value.is_floating_point())
    return next(values, torch.empty(0))


def _drawn(like: Tensor, graph: nir.NIRGraph, inputs: list[str], num_steps: int) -> tuple[Tensor, ...]:
    """Return random input, the same in every call."""
    generator = torch.Generator().manual_seed(0)
    options: dict[str, Any] = {"generator": generator, "dtype": like.dtype, "device": "cpu"}
    shapes = [tuple(int(n) for n in graph.nodes[name].output_type["output"]) for name in inputs]
    return tuple((2 * torch.rand(num_steps, 3, *shape, **options)).to(like.device) for shape in shapes)


def losses(net: nn.Module, graph: nir.NIRGraph) -> tuple[str, ...]:
    """List what a reader of the graph loses, without running the graph."""
    nodes = sorted(walk(graph), key=lambda item: item[0])
    return tuple(line for path, node in nodes for line in _of_node(path.replace("/", "."), node)) + tuple(
        f"{path!r}: its surrogate gradient is a function, which a file cannot store"
        for path, module in net.named_modules()
        if isinstance(module, SpikingNeuron) and not isinstance(module.spike_grad, Surrogate)
    )


def _of_node(name: str, node: Any) -> Iterator[str]:
    metadata = read_metadata(node)
    for text in filter(None, str(metadata.get("lost", "")).split("\n")):
        yield f"{name!r}: {text}"
    if metadata.get("reset") == "subtract" and isinstance(node, nir.LIF | nir.IF | nir.CubaLIF):
        yield f"{name!r} resets by subtraction only in its metadata; other readers reset it to zero"
    for tau, constant in (("tau", "beta"), ("tau_mem", "beta"), ("tau_syn", "alpha")):
        if hasattr(node, tau) and constant in metadata and bool(np.any(np.asarray(metadata[constant]) == 1)):
            yield f"{name!r} does not decay where {constant} is 1, but decays a little in the graph, by its {tau}"
    if metadata.get("rounding"):
        yield f"{name!r}: weights are rounded by up to {metadata['rounding']:.3g}"
