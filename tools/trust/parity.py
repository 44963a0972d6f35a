"""Compare neurons with snnTorch's, with the same weights and input."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from trust.neurons import Neuron


def parity(neuron: Neuron) -> tuple[float, float] | str:
    """Measure how far spikes and membranes are from snnTorch's, over 100 steps, with the default reset.

    Returns:
        The share of spikes that differ and the largest difference of a membrane, NaN if snnTorch returns no membrane;
        or the reason why nothing can be compared.
    """
    import snntorch

    if not hasattr(snntorch, neuron.name):
        return "not in snnTorch"
    # learning does not change the numbers, and snnTorch's Alpha cannot run with these options
    named = {name: value for name, value in neuron.named.items() if not name.startswith("learn_")} | neuron.peer
    named |= {} if neuron.whole else {"init_hidden": True, "output": True}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        peer_net = getattr(snntorch, neuron.name)(*neuron.arguments, **named)
        ours = neuron.kind(*neuron.arguments, **named)
        ours.load_state_dict(peer_net.state_dict(), strict=True)
        xs = neuron.input(100).float()
        return _compared(_run(ours, xs, neuron), _run(peer_net, xs, neuron))


def _run(net: Any, xs: Tensor, neuron: Neuron) -> list[Tensor]:
    if neuron.whole:
        return tree_leaves(net(xs))
    outs = [tree_leaves(net(x)) for x in xs]
    return [torch.stack([out[0] for out in outs]), torch.stack([out[-1] for out in outs])]


def _compared(ours: list[Tensor], expected: list[Tensor]) -> tuple[float, float]:
    spikes = float((ours[0] != expected[0]).double().mean())
    if len(ours) == 1:
        return spikes, float("nan")
    return spikes, float((ours[-1] - expected[-1]).abs().max())
