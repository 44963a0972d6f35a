"""Spikes and membranes of every neuron of a network, and of the graph made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import nir
from torch import Tensor, nn

from snn_core import SpikingNeuron
from snn_core.neuron import Holding, temporal
from snn_nir.exporting.drawing import node_name
from snn_nir.primitives.firing import ResetToValue

_SUFFIXES = (".graded", ".spk", ".lif", "")


def fire_places(graph: nir.NIRGraph, paths: Mapping[str, SpikingNeuron]) -> dict[str, str]:
    """Return the node that emits the spikes of each neuron, for the neurons that the graph has."""
    results = {}
    for path, neuron in paths.items():
        name = node_name(path, neuron)
        place = next((name + s for s in _SUFFIXES if name + s in graph.nodes), None)
        if place is not None and not isinstance(graph.nodes[place], nir.NIRGraph):
            results[path] = place
    return results


def probe(path: str) -> str:
    """Return the name of the Output that shows the spikes of a neuron."""
    return f"zzz probe {path}"


def probed(graph: nir.NIRGraph, places: Mapping[str, str]) -> nir.NIRGraph:
    """Return a graph with an additional Output for the spikes of every neuron."""
    nodes, edges = dict(graph.nodes), list(graph.edges)
    for path, place in places.items():
        nodes[probe(path)] = nir.Output(dict(graph.nodes[place].output_type))
        edges.append((place, probe(path)))
    return nir.NIRGraph(nodes, edges, metadata=graph.metadata, type_check=False)


@contextmanager
def observed(net: nn.Module, neurons: Mapping[str, SpikingNeuron]) -> Iterator[dict[str, tuple[Tensor, Tensor | None]]]:
    """Let a network start from rest, and its neurons continue from their own last state, whatever state they get.

    The block gets the spikes and the membrane of the last step by path, None for the membrane of a neuron without a
    state ``mem``. All that the network keeps is restored afterwards.
    """
    seen: dict[str, tuple[Tensor, Tensor | None]] = {}
    states: dict[str, Any] = {}

    def passing(path: str) -> Any:
        return lambda _, args, kwargs: ((args[0] if args else kwargs["input_"], *states.get(path, ())), {})

    def noting(path: str, neuron: SpikingNeuron) -> Any:
        def note(_: nn.Module, args: Any, out: Any) -> None:
            spk = out[0] if isinstance(out, tuple) else out
            state = neuron._kept
            if not neuron.init_hidden:
                states[path] = out if "spk" in neuron.State._fields else out[1:]
                state = neuron.State._make(states[path])
            seen[path] = spk, getattr(state, "mem", None)

        return note

    hooks = [n.register_forward_pre_hook(passing(p), with_kwargs=True) for p, n in neurons.items() if not n.init_hidden]
    hooks += [n.register_forward_hook(noting(p, n)) for p, n in neurons.items()]
    modules = temporal(net)
    try:
        with Holding(dict.fromkeys(modules)):
            for module in modules:
                module.forget()  # also what a neuron keeps in attributes
            yield seen
    finally:
        for hook in hooks:
            hook.remove()


def membrane_of(
    path: str, neuron: Any, mem: Tensor | None, twins: Mapping[str, SpikingNeuron]
) -> tuple[Tensor, Tensor] | None:
    r"""Return a membrane of the network as the graph should have it, and as the graph has it.

    NIR's resetting node has reset by the end of the step; a neuron that resets in the step after a spike has not.
    So the node's membrane is :math:`v = U\,(1 - \Theta(U - \vartheta))`. Any other node has the neuron's own membrane.
    It is None if the network or the graph's nodes have no such membrane.
    """
    name = node_name(path, neuron)
    twin: Any = next((twins[n] for n in (name, f"{name}.lif", f"{name}.mem") if n in twins), None)
    if mem is None or not hasattr(getattr(twin, "_kept", None), "mem"):
        return None
    if isinstance(twin, ResetToValue) and twin.reset_name == neuron.reset_name == "zero":
        mem = mem * (mem <= neuron.threshold)
    elif not isinstance(twin, type(neuron)) and neuron.reset_name == "subtract" and not neuron.reset_delay:
        return None  # the nodes lower the membrane on its way out
    return mem, twin._kept.mem
