"""The dtypes in which a neuron computes."""

from __future__ import annotations

import torch
from torch import Tensor

NARROW = (torch.float16, torch.bfloat16)
"""The dtypes of half precision."""


def as_dtype(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``x`` in ``dtype``; a per-neuron constant of a wider dtype must not widen spikes and states."""
    return x if x.dtype == dtype else x.to(dtype)


def computing_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype of a neuron's equation, states and thresholds for an input.

    It is the input's, but float32 for half precision under autocast, as for every operation that needs the range. The
    spikes still have the input's dtype.
    """
    return torch.float32 if x.dtype in NARROW and is_autocast(x.device.type) else x.dtype


def is_autocast(device: str) -> bool:
    """Return True if autocast is on for a type of device."""
    return device != "meta" and torch.is_autocast_enabled(device)  # torch raises for "meta"
