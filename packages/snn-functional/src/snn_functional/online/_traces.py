"""Traces of how states depend on learned tensors, carried forward in time instead of the past itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Learned(NamedTuple):
    """A tensor that is learned, as it enters a step."""

    value: Tensor  # weights [N, P], or a constant with one entry per neuron [B, N]
    inputs: Tensor | None = None  # those of the weights [B, P]; None for a constant


def carry(fields: Sequence[Tensor], traces: Mapping[str, Tensor], learned: Mapping[str, Learned]) -> tuple[Tensor, ...]:
    r"""Return states unchanged, with the gradient that the past contributes to learned tensors.

    .. math:: \frac{\partial L}{\partial\theta} = \sum_k \frac{\partial L}{\partial s_k}\,\epsilon_k, \qquad
              \epsilon_k = \frac{d s_k}{d\theta}

    ``fields`` are the states before a step ``[B, N]``, off the graph; ``traces``, of how they depend on what is
    learned, are ``[k, B, N, P]`` for weights and ``[k, B, N]`` for constants.
    """
    values = [item.value for item in learned.values()]
    return _Carry.apply(len(fields), *fields, *(traces[name] for name in learned), *values)


class _Carry(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*tensors[count : (len(tensors) + count) // 2])
        return tuple(field.view_as(field) for field in tensors[:count])

    @staticmethod
    @torch.autograd.function.once_differentiable  # the traces' own dependence on learned tensors is not known
    def backward(  # pyrefly: ignore[bad-override]  (the decorator hides the arguments' names)
        ctx: Any, *grad_outputs: Any
    ) -> tuple[Tensor | None, ...]:
        traces = ctx.saved_tensors
        grad = torch.stack(grad_outputs)
        results = [(grad.unsqueeze(-1) * t).sum((0, 1)) if t.dim() == 4 else (grad * t).sum(0) for t in traces]
        return (None, *[None] * (len(grad_outputs) + len(traces)), *results)


def advanced(
    traces: Mapping[str, Tensor],
    before: Sequence[Tensor],
    after: Sequence[Tensor],
    entered: Mapping[str, tuple[Tensor, Tensor | None]],
) -> dict[str, Tensor]:
    r"""Return the traces after a step of neurons that do not depend on each other's states.

    .. math:: \epsilon[t] = \frac{\partial s[t]}{\partial s[t-1]}\,\epsilon[t-1] + \frac{\partial s[t]}{\partial\theta}

    ``before`` and ``after`` are the same states ``[B, N]``. ``entered`` has, by the names of the traces, where each
    learned tensor entered the step: the drive ``[B, N]`` and the inputs of its weights, or the constant and None. The
    result is off the graph.
    """
    leaves = [*before, *(at for at, _ in entered.values())]
    slopes = [_slopes(field, leaves) for field in after]
    results = {}
    for index, (name, (_, inputs)) in enumerate(entered.items(), start=len(before)):
        old = traces[name]
        results[name] = torch.zeros_like(old)
        factor = old.new_ones(()) if inputs is None else inputs.unsqueeze(-2)
        for new, slope in zip(results[name], slopes, strict=True):
            _add_product(new, slope[index], factor)
            for own, trace in zip(slope, old, strict=False):
                _add_product(new, own, trace)
    return results


def _slopes(field: Tensor, leaves: list[Tensor]) -> Sequence[Any]:
    """Return derivatives of each neuron's state, or None. The sum over independent neurons has all of them."""
    if not field.requires_grad:
        return [None] * len(leaves)
    return torch.autograd.grad(field, leaves, torch.ones_like(field), retain_graph=True, allow_unused=True)


def _add_product(total: Tensor, slope: Tensor | None, factor: Tensor) -> None:
    if slope is not None:
        total.addcmul_(slope.unsqueeze(-1) if total.dim() > slope.dim() else slope, factor)
