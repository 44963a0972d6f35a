"""Checks that the neurons of a layer are independent, so that one trace for each is sufficient."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from snn_core import SpikingNeuron
from snn_core.effects import RandomStates
from snn_functional._messages import fault, must


def check_constants(constants: Mapping[str, Tensor], features: int) -> None:
    """Check that constants have one value for all neurons or one for each."""
    for name, value in constants.items():
        if value.shape not in ((), (1,), (1, 1), (features,), (1, features)):
            raise ValueError(
                must(
                    name,
                    f"have one value, or one for each of the {features} neurons, to be learned",
                    f"shape {tuple(value.shape)}",
                )
            )


def check_independent(neuron: SpikingNeuron, like: Tensor, through: Collection[int]) -> None:
    """Check that outputs and states of neurons depend only on their own input and states.

    ``like[N, ...]`` has their number, dtype and device; ``through`` are the fields of the state that count.
    """
    if like.is_meta:
        return  # without values there is nothing to check
    options = {"dtype": torch.promote_types(like.dtype, torch.float32), "device": like.device}
    drive = torch.linspace(0.5, 1.5, len(like), **options).unsqueeze(0).requires_grad_()
    shape = neuron.state_shape(drive)
    if shape != drive.shape:
        raise ValueError(
            must(
                "neuron",
                "have one input each",
                f"a {type(neuron).__name__} with states {tuple(shape[1:])} for {len(like)} inputs",
            )
        )
    fields = [
        torch.linspace(0.4 + 0.1 * i, 1.4, len(like), **options).unsqueeze(0).requires_grad_(i in through)
        for i in range(len(neuron.State._fields))
    ]
    with torch.enable_grad():
        spk, after = neuron.step(drive, neuron.State._make(fields))
    inputs = [drive, *(field for field in fields if field.requires_grad)]
    weights = torch.linspace(1, 2, len(like), **options)
    if not all(_own(output, inputs, weights) for output in (spk, *after) if output.requires_grad):
        raise ValueError(
            fault(
                f"the neurons of {type(neuron).__name__} depend on each other's inputs or states, so traces of "
                "single neurons do not give the gradient",
                "train them with backprop.TBPTT",
            )
        )


def _own(output: Tensor, inputs: list[Tensor], weights: Tensor) -> bool:
    """Return True if weighting an output entry weights the gradient of its own inputs, and of no others."""
    grads = []
    for weight in (torch.ones_like(weights), weights):
        with RandomStates():
            torch.manual_seed(0)  # a random surrogate draws the same twice
            grads.append(torch.autograd.grad(output, inputs, weight.expand_as(output), True, allow_unused=True))
    pairs = zip(*grads, strict=True)
    return all(torch.allclose(b, a * weights, rtol=1e-3, atol=1e-6) for a, b in pairs if a is not None)
