"""The spiking graph: neurons instead of activations, and weights in the units of the spikes that they meet."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from snn_functional._conversion.folding import affine
from snn_functional._conversion.neurons import CountedMaxPool, integrate_and_fire
from snn_functional._conversion.tracing import MAX_POOLS, NORMS, WEIGHTED, renew


def spiking(ann: fx.GraphModule, thresholds: Mapping[str, float], like: Tensor) -> fx.GraphModule:
    r"""Make the spiking net of a traced network.

    A spike of a neuron with the threshold :math:`\vartheta` stands for an activation of :math:`\vartheta` in one step.
    So each signal has a *unit*, which pooling, changes of shape, sums and concatenations keep. A layer with weights
    takes its input in units u and may give its output in any unit v,

    .. math:: W' = \frac{u}{v}\,W, \qquad b' = \frac{1}{v}\,b

    so that spikes are 1 and what is added to them has their unit. Input and output of the net have the unit 1; the
    spikes of a neuron that is added to these, or to one with another threshold, have another amplitude.
    """
    net = copy.deepcopy(ann)
    units = _units(net, thresholds)
    for node in (node for node in net.graph.nodes if node.op == "call_module"):
        module: Any = net.get_submodule(node.target)
        taken, outgoing = units[node.args[0]], units[node]
        if node.target in thresholds:
            threshold = thresholds[node.target]
            scales = (like.new_tensor(value) for value in (threshold / taken, threshold / outgoing))
            net.set_submodule(node.target, integrate_and_fire(*scales).to(like.dtype))
        elif isinstance(module, MAX_POOLS):
            net.set_submodule(node.target, CountedMaxPool(module).to(like.dtype))
        elif isinstance(module, WEIGHTED):
            _scale(module, taken / outgoing, 1 / outgoing)
        elif isinstance(module, NORMS):
            _scale_norm(module, taken, outgoing)
    renew(net)
    return fx.GraphModule(net, net.graph, type(ann).__name__).eval()


def _units(net: fx.GraphModule, thresholds: Mapping[str, float]) -> dict[fx.Node, float]:
    """Return the unit of each signal: 1 if it shares its unit with the input or output, else a threshold."""
    alike: dict[fx.Node, list[fx.Node]] = {}  # by signal, all signals with the same unit, which share one list
    for node in net.graph.nodes:
        alike[node] = [node]
        if not _sets_unit(net, node, thresholds):
            for source in node.all_input_nodes:
                if source.meta["axes"] is not None and alike[source] is not alike[node]:
                    alike[node] += alike[source]
                    alike.update(dict.fromkeys(alike[node], alike[node]))
    units = {}
    for node, signals in alike.items():
        ends = any(signal.op in ("placeholder", "output") for signal in signals)
        neurons = [signal.target for signal in signals if signal.op == "call_module" and signal.target in thresholds]
        units[node] = 1.0 if ends or not neurons else thresholds[str(neurons[0])]
    return units


def _sets_unit(net: fx.GraphModule, node: fx.Node, thresholds: Mapping[str, float]) -> bool:
    if node.op != "call_module":
        return False
    return node.target in thresholds or isinstance(net.get_submodule(str(node.target)), (*WEIGHTED, *NORMS))


@torch.no_grad()
def _scale(layer: Any, weight: float, bias: float) -> None:
    for name, factor in (("weight", weight), ("bias", bias)):
        value = getattr(layer, name)
        if value is not None:  # a new one, as layers may share theirs
            setattr(layer, name, nn.Parameter(value * factor, value.requires_grad))


@torch.no_grad()
def _scale_norm(norm: Any, taken: float, outgoing: float) -> None:
    """Rescale a normalization so that it takes its input in one unit and gives its output in another."""
    norm.running_mean /= taken
    norm.running_var /= taken**2
    norm.eps /= taken**2
    _scale(affine(norm), 1 / outgoing, 1 / outgoing)
