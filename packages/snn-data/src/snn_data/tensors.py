"""Values of any kind as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["as_tensor"]


def as_tensor(values: Any) -> Tensor:
    """Return a tensor as it is, and anything else as a tensor on the CPU, whatever the default device is."""
    if isinstance(values, Tensor):
        return values
    if isinstance(values, np.ndarray):
        # torch reads memory forward, in steps of whole numbers, and may write to it
        fits = all(stride >= 0 and stride % values.itemsize == 0 for stride in values.strides)
        if not (fits and values.dtype.isnative and values.flags.writeable):
            values = values.astype(values.dtype.newbyteorder("="), order="C")
    return torch.as_tensor(values, device="cpu")
