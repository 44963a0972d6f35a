"""Gradients of outputs that a kernel has already computed, outside of autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_core.engines import fits

__all__ = ["Computed", "Gradients"]

Unpack = Callable[[Tensor, Tensor], Tensor]


class Gradients(NamedTuple):
    """Functions ``(g, x, weight, kept, needs)`` that return the gradients of a layer's input, weight and bias.

    Without ``keeps_x``, the ``x`` that they receive has the shape of the input and no memory. ``unpack(x, kept)`` then
    returns the input, for ``by_torch``.
    """

    by_torch: Callable[..., Sequence[Tensor | None]]  # torch can differentiate it and map over it
    by_kernels: Callable[..., Sequence[Tensor | None]]
    keeps_x: bool
    unpack: Unpack | None = None


class Computed(torch.autograd.Function):
    """The gradient of an output that already exists; subclasses give it a name in a graph.

    The second output has the shape of the input and no memory: through it, a backward pass that will itself be
    differentiated stays connected to an input that is not kept.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Any, bias: Any, kept: Tensor | None, gradients: Gradients, out: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        token = torch.empty_strided(x.shape, (0,) * x.dim(), dtype=x.dtype, device=x.device)
        ctx.save_for_backward(x if gradients.keeps_x else token, weight, kept)
        ctx.set_materialize_grads(False)
        ctx.gradients = gradients
        if not ctx.needs_input_grad[0]:
            ctx.mark_non_differentiable(token)
        return out.pop(), token

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        g, g_token = grads
        x, weight, kept = ctx.saved_tensors
        by_torch, by_kernels, _, unpack = ctx.gradients
        needs = ctx.needs_input_grad[:3]
        if g is None:
            return g_token, None, None, None, None, None
        if torch.is_grad_enabled() or not _is_plain(g):
            of_x, *others = by_torch(g, x if unpack is None else _Unpacked.apply(unpack, x, kept), weight, kept, needs)
        else:
            of_x, *others = by_kernels(g, x, weight, kept, needs)
        if g_token is not None:
            of_x = g_token if of_x is None else of_x + g_token
        return of_x, *others, None, None, None


def _is_plain(g: Tensor) -> bool:
    try:
        g.untyped_storage()
    except NotImplementedError:  # it is one of a batch of gradients: is_grads_batched=True
        return False
    return fits(g) and not torch._C._len_torch_dispatch_stack()


class _Unpacked(torch.autograd.Function):
    """Spikes from their bits; their gradient is the gradient of the input from which they were packed."""

    generate_vmap_rule = True

    @staticmethod
    def forward(unpack: Unpack, token: Tensor, bits: Tensor) -> Tensor:
        return unpack(token, bits)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Save nothing for the backward pass."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[None, Tensor, None]:
        return None, grads[0], None
