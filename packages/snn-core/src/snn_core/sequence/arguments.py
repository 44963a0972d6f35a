"""The checks of ``memory`` and ``lengths``, which few calls of ``unroll`` pass."""

from __future__ import annotations

from typing import Any

from torch import nn

from snn_core.neuron.constant import is_whole
from snn_core.neuron.temporal import Temporal


def must_be_budget(memory: Any, chunk: int | None, truncate: bool, lengths: Any) -> None:
    """Raise unless ``memory`` is a budget that the other options leave open."""
    if chunk is not None or truncate:
        other = f"chunk={chunk!r}" if chunk is not None else "truncate=True"
        raise ValueError(f"unroll: memory={memory!r} chooses the chunk, got {other} too; pass one of them")
    if lengths is not None:
        raise ValueError("unroll: memory= is planned for samples of one length, got lengths; pass chunk=")
    if not (is_whole(memory) and memory >= 1):
        raise ValueError(f"unroll: memory must be a number of bytes or None, got {memory!r}; 2 * 2**30 is 2 GiB")


def must_end_by_sample(net: nn.Module) -> None:
    """Raise if a module of a net may keep something that does not belong to single samples."""
    for path, module in net.named_modules():
        if isinstance(module, Temporal) and not module.keeps_by_sample:
            raise ValueError(
                f"unroll: {path!r} ({type(module).__name__}) does not declare that it keeps only tensors [batch, ...], "
                "which is needed where some samples end before others (lengths); run samples of one length together, "
                "or set keeps_by_sample = True in its class"
            )
