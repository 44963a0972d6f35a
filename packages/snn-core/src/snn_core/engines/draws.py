"""Random zeros and ones from torch's generator, by registered implementations."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from snn_core.engines.fused import is_plain_by_element
from snn_core.engines.registry import offered


class DrawingKernel(Protocol):
    """An implementation of ``Tensor.bernoulli_`` with torch's generator, on one type of device."""

    name: str
    device: str

    def takes(self, out: Tensor) -> bool:
        """Return True to take the call; the tensor is plain and on the device."""

    def bernoulli_(self, out: Tensor, p: float) -> None:
        """Set each value to one with probability ``p``, and to zero otherwise: the numbers that torch draws."""


def drawing(out: Tensor) -> DrawingKernel | None:
    """Return the registered implementation that draws into tensors like this one; None for torch's own."""
    kernels = offered("bernoulli", out.device.type)
    return next((kernel for kernel in kernels if is_plain_by_element(out) and kernel.takes(out)), None)
