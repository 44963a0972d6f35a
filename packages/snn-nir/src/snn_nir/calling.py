"""How the module of a node is called: for one step, or for a whole sequence, with its state passed in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from snn_core import SpikingNeuron

__all__ = ["Call", "sequence_call", "step_call"]

Call = Callable[[str, Tensor], Any]


def step_call(module: Callable[[str], nn.Module], before: Mapping[str, Any], after: dict[str, Any]) -> Call:
    """A function that runs one step of a node.

    Args:
        module: Gives the module of a node by the node's name.
        before: States before the step, by name; one that is not there is at rest.
        after: Where the states after it go.

    Returns:
        ``(name, input) -> output``; a tuple where the neuron returns its states.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> after = {}
        >>> step_call({"lif": snn.Leaky(beta=0.5, init_hidden=True)}.get, {}, after)("lif", torch.ones(1, 1))
        tensor([[0.]])
        >>> after
        {'lif': State(mem=tensor([[1.]]))}
    """

    def call(name: str, x: Tensor) -> Any:
        neuron = module(name)
        if not isinstance(neuron, SpikingNeuron):
            return neuron(x)
        spk, after[name] = neuron.step(x, before.get(name))
        return neuron.outputs(spk, after[name]) if neuron.output else spk

    return call


def sequence_call(module: Callable[[str], nn.Module], before: Mapping[str, Any], after: dict[str, Any]) -> Call:
    """A function that runs all steps of a node, ``[T, batch, ...]``; arguments and result as :func:`step_call`.

    Example:
        >>> import torch
        >>> sequence_call({"flatten": nn.Flatten()}.get, {}, {})("flatten", torch.ones(5, 2, 3, 4)).shape
        torch.Size([5, 2, 12])
    """

    def call(name: str, xs: Tensor) -> Any:
        neuron = module(name)
        if not isinstance(neuron, SpikingNeuron):
            return neuron(xs.flatten(0, 1)).unflatten(0, xs.shape[:2])
        if not neuron.output:
            spk, after[name] = neuron.unroll(xs, before.get(name))
            return spk
        spk, states = neuron.unroll(xs, before.get(name), trace=True)
        after[name] = type(states)._make(s[-1] for s in states)
        return neuron.outputs(spk, states)

    return call
