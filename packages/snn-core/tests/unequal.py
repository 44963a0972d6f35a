"""The law of batches of unequal length: each sample is as if it were run by itself, over its own steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import close

GARBAGE = (math.nan, math.inf, -math.inf, 1e300)


def padded(xs: Tensor, lengths: Sequence[int]) -> Tensor:
    """The same input with every kind of nonsense after the ends of the samples."""
    xs = xs.detach().clone()
    for sample, length in enumerate(lengths):
        after = xs[length:, sample]
        after.copy_(torch.tensor(GARBAGE).repeat(after.numel() // 4 + 1)[: after.numel()].reshape(after.shape))
    return xs


def listed(outputs: Any) -> list[Tensor]:
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def states(net: nn.Module) -> list[Tensor]:
    """Return what every neuron keeps."""
    return [s for m in net.modules() if isinstance(m, snn.SpikingNeuron) and m._kept is not None for s in m._kept]


def projected(values: list[Tensor], weights: list[Tensor]) -> Tensor:
    return sum(((v * w).sum() for v, w in zip(values, weights, strict=True)), torch.zeros((), dtype=torch.float64))


def holds(net: nn.Module, xs: Tensor, lengths: Sequence[int], **options: Any) -> None:
    """Assert the law: outputs, states left behind, and the gradients of both in input and parameters.

    Args:
        net: A net in float64.
        xs: Input without any padding ``[T, batch, ...]``.
        lengths: How many steps of each sample count.
        **options: Of ``unroll``.
    """
    inputs = padded(xs, lengths).requires_grad_()
    learned = [p for p in net.parameters() if p.requires_grad]
    outputs = listed(snn.unroll(net, inputs, lengths=lengths, **options))
    left = states(net)
    draw = torch.Generator().manual_seed(5)
    weights = [torch.randn(o.shape, generator=draw, dtype=torch.float64) for o in (*outputs, *left)]
    gradients = torch.autograd.grad(projected([*outputs, *left], weights), [inputs, *learned], allow_unused=True)

    by_output, by_state = weights[: len(outputs)], weights[len(outputs) :]
    xs = xs.detach().clone().requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for sample, length in enumerate(lengths):
        for out in outputs:
            assert out.shape[:2] == xs.shape[:2]
            assert (out[length:, sample] == 0).all()
        if length == 0:
            assert all((s[sample] == 0).all() for s in left)
            continue
        alone = listed(snn.unroll(net, xs[:length, sample : sample + 1], **options))
        kept_states = states(net)
        close([out[:length, sample] for out in outputs], [a[:, 0] for a in alone])
        close([s[sample] for s in left], [k[0] for k in kept_states])
        total = total + projected(alone, [w[:length, sample : sample + 1] for w in by_output])
        total = total + projected(kept_states, [w[sample : sample + 1] for w in by_state])
    if total.requires_grad:
        expected = torch.autograd.grad(total, [xs, *learned], allow_unused=True)
        close(_zeros_for_none(gradients, [xs, *learned]), _zeros_for_none(expected, [xs, *learned]))
    for sample, length in enumerate(lengths):
        assert gradients[0] is None or (gradients[0][length:, sample] == 0).all()


def _zeros_for_none(grads: Sequence[Tensor | None], inputs: list[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(i) if g is None else g for g, i in zip(grads, inputs, strict=True)]
