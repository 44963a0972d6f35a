"""Sums and products that keep the precision of their arguments."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def full_precision(device: str) -> AbstractContextManager[object]:
    """Return a context without autocast, as its products, in 16 bits, are exact integers only up to 256 or 2048."""
    autocast = device != "meta" and torch.is_autocast_enabled(device)  # torch raises for "meta"
    return torch.autocast(device, enabled=False) if autocast else nullcontext()
