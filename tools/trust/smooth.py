"""Check that gradients are those of the computation, with a smooth function of the membrane in place of spikes."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from trust.neurons import Neuron

_STEP = 1e-6  # step of the central differences


def _smooth(x: Tensor) -> Tensor:
    return torch.sigmoid(4 * x)


class _Sequence(nn.Module):
    def __init__(self, model: Any, steps: bool) -> None:
        super().__init__()
        self.model: Any = model
        self.steps = steps
        self.start: Any = None

    def forward(self, xs: Tensor) -> Tensor:
        out = self.model.unroll(xs, self.start, trace=True) if self.steps else self.model(xs)
        return torch.cat([t.flatten() for t in tree_leaves(out)])


def smooth_gradient(neuron: Neuron) -> float:
    """Return the largest relative difference between the gradient and central differences, along random directions.

    A smooth function replaces the step function of spikes. Resets act at once and with their gradient, which a delayed
    reset does not have, by definition. The sequence goes on from a state that a step has left, as the smooth function
    would fire at rest, where no spike came before. The directions are over the input and every parameter.

    Example:
        >>> from trust.neurons import EVERY
        >>> smooth_gradient(EVERY[0]) < 1e-6
        True
    """
    names = ["threshold", "graded_spikes_factor", *(name for name in ("alpha", "beta") if name in neuron.named)]
    learned: dict[str, Any] = neuron.accepted(dict.fromkeys((f"learn_{name}" for name in names), True))
    if "detach_reset" in inspect.signature(neuron.kind).parameters:
        learned["detach_reset"] = False
    if neuron.whole:
        return _difference(neuron, learned)
    resets: list[dict[str, Any]] = [{"reset_mechanism": "none"}]
    resets += [{"reset_mechanism": name, "reset_delay": False} for name in ("subtract", "zero")]
    return max(_difference(neuron, learned | neuron.accepted(reset)) for reset in resets)


def _difference(neuron: Neuron, options: dict[str, Any]) -> float:
    model = neuron.make(**options)
    model.spike_grad = _smooth
    sequence, xs = _Sequence(model, not neuron.whole), neuron.input(6)
    if sequence.steps:
        with torch.no_grad():
            _, sequence.start = model.unroll(xs[:1])
        xs = xs[1:]
    inputs = [xs, *(p.detach() for p in sequence.parameters())]
    names = [name for name, _ in sequence.named_parameters()]
    draw = torch.Generator().manual_seed(2)

    def noise(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=draw, dtype=like.dtype)

    def value(*values: Tensor) -> Tensor:
        out = functional_call(sequence, dict(zip(names, values[1:], strict=True)), (values[0],))
        return (out * weights).sum()

    weights = noise(sequence(xs).detach())
    leaves = [t.clone().requires_grad_() for t in inputs]
    grads = torch.autograd.grad(value(*leaves), leaves, allow_unused=True)
    worst = 0.0
    for _ in range(5):
        directions = [noise(t) for t in inputs]
        along = sum(float((g * d).sum()) for g, d in zip(grads, directions, strict=True) if g is not None)
        with torch.no_grad():
            ahead, behind = (
                float(value(*(t + sign * _STEP * d for t, d in zip(inputs, directions, strict=True))))
                for sign in (1, -1)
            )
        worst = max(worst, abs(along - (ahead - behind) / (2 * _STEP)) / max(abs(along), 1e-3))
    return worst
