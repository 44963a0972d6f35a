"""The neurons of a network: each layer gets one of its own, from a function that makes them."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from snn_core import Leaky, SpikingNeuron, surrogate

Neuron = Callable[[], nn.Module]
"""A function without arguments that returns a new neuron, which keeps its state and returns its spikes alone."""


def leaky() -> Leaky:
    """Return a new neuron of the kind that all networks have by default.

    It halves its membrane in every step, is cleared when it fires, and learns by the arctangent surrogate. Most papers
    have such neurons, with a time constant of two steps, but halve the input too; with ``threshold=2.0`` this one fires
    for the same inputs as theirs.

    Returns:
        ``Leaky(beta=0.5, reset_mechanism="zero", spike_grad=atan(), init_hidden=True)``.

    Example:
        >>> import torch
        >>> leaky()(torch.tensor([[0.9, 1.1]]))
        tensor([[0., 1.]])
    """
    return Leaky(beta=0.5, reset_mechanism="zero", spike_grad=surrogate.atan(), init_hidden=True)


def fresh(owner: str, neuron: Neuron) -> SpikingNeuron:
    """Return a new neuron for a layer of ``owner``.

    Raises:
        TypeError: If ``neuron`` is not a function, or does not return a spiking neuron.
        ValueError: If the neuron does not keep its state, or returns more than its spikes.
    """
    remedy = "pass a function that makes one, such as lambda: snn.Leaky(beta=0.5, init_hidden=True)"
    # a neuron is a module, and could be called too
    if isinstance(neuron, SpikingNeuron) or not callable(neuron):
        raise TypeError(f"{owner}: neuron must be a function without arguments, got {neuron!r}; {remedy}")
    cell = neuron()
    if not isinstance(cell, SpikingNeuron):
        raise TypeError(f"{owner}: neuron must return a spiking neuron, got {type(cell).__name__}; {remedy}")
    if not cell.init_hidden or cell.output:
        raise ValueError(
            f"{owner}: neuron must keep its state and return its spikes alone, got {type(cell).__name__}(init_hidden="
            f"{cell.init_hidden}, output={cell.output}); pass init_hidden=True and output=False"
        )
    return cell
