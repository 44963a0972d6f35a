"""Windows of surrogates: the places of a sequence at which the gradient of the spikes is used, from layer to layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

from snn_core.engines.fused import node_of

_WANTED: ContextVar[bool] = ContextVar("windows", default=False)


@contextmanager
def wanting_windows() -> Iterator[None]:
    """Let engines keep the bits of windows in this block, whose spikes nothing but one linear layer will read.

    Where nothing uses the gradient of the spikes, that layer may then return zero instead of it.
    """
    token = _WANTED.set(True)
    try:
        yield
    finally:
        _WANTED.reset(token)


def are_windows_wanted() -> bool:
    """Return True within a block of :func:`wanting_windows`."""
    return _WANTED.get()


def window_bits(spikes: Tensor) -> Tensor | None:
    """Return the bits of the places at which the gradient of some spikes is used, or None for all places.

    They are those that the kernel has kept which computed the spikes, if nothing has changed or watched them since.

    Args:
        spikes: The spikes of a sequence, all of them, with any axes.

    Returns:
        ``int64[T, words]``: bit k of word w of a step stands for its element 64 w + k.
    """
    base = spikes if spikes._base is None else spikes._base
    node = node_of(base)
    if node is None or base.output_nr or base.numel() != spikes.numel():
        return None
    in_order = base.is_contiguous() and spikes.is_contiguous()
    watched = any(tensor._backward_hooks or tensor.retains_grad for tensor in (base, spikes))
    return node.window if in_order and not watched else None
