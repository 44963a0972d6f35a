"""A stretch of a sequence that the backward pass computes anew in place of storing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.checkpoint import checkpoint

from snn_core.temporal import Temporal

__all__ = ["own_buffers", "recomputed"]


def recomputed(run: Callable[[nn.Module, Tensor], Any], net: nn.Module, modules: list[Temporal], xs: Tensor) -> Any:
    """``run(net, xs)``, of which autograd stores only input, output, and the states at both ends.

    Both passes start from the states that the net holds now. The second one leaves the net's states and buffers as it
    found them, so that running statistics are updated once.
    """
    kept, spec = tree_flatten([m._kept for m in modules])
    again = False

    def stretch(xs: Tensor, *kept: Any) -> tuple[Any, Any]:
        nonlocal again
        with _own_states(modules), own_buffers(net) if again else nullcontext():
            again = True
            for module, state in zip(modules, tree_unflatten(list(kept), spec), strict=True):
                module._keep(state)
            out = run(net, xs)
            return out, [m._kept for m in modules]

    out, states = checkpoint(stretch, xs, *kept, use_reentrant=False)
    for module, state in zip(modules, states, strict=True):
        module._keep(state)
    return out


@contextmanager
def _own_states(modules: list[Temporal]) -> Iterator[None]:
    before = [(m._kept, m._kept_in) for m in modules]
    try:
        yield
    finally:
        for module, (kept, kept_in) in zip(modules, before, strict=True):
            module._kept, module._kept_in = kept, kept_in


@contextmanager
def own_buffers(net: nn.Module) -> Iterator[None]:
    """Buffers that a forward pass may change and nobody sees."""
    held = [(m, dict(m._buffers)) for m in net.modules() if m._buffers]
    try:
        for module, buffers in held:
            module._buffers.update({n: b.clone() if b is not None else None for n, b in buffers.items()})
        yield
    finally:
        for module, buffers in held:
            module._buffers.update(buffers)
