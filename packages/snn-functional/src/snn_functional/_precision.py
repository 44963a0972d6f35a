"""Sums and products that keep the precision of their arguments."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from snn_core.neuron.firing import is_autocast


def full_precision(device: str) -> AbstractContextManager[object]:
    """Return a context without autocast, as its products, in 16 bits, are exact integers only up to 256 or 2048."""
    return torch.autocast(device, enabled=False) if is_autocast(device) else nullcontext()
