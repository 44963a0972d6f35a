"""Checks that arguments are whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from snn_data.tensors import as_tensor

__all__ = ["integer", "integers"]


def integer(caller: str, name: str, value: Any) -> int:
    """Return a Python or NumPy integer as a Python int; bools and floats are refused."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{caller} needs an integer {name}, got {value!r}")
    return int(value)


def integers(caller: str, name: str, values: Any, remedy: str, *, bools: bool = False) -> Tensor:
    """Return integers of any kind and shape ``[samples]`` as int64 on the CPU; bools only if allowed."""
    tensor = as_tensor(values).cpu()
    if tensor.ndim != 1:
        raise ValueError(f"{caller} needs {name} of shape [samples], got {list(tensor.shape)}")
    real = tensor.is_floating_point() or tensor.is_complex()
    if tensor.numel() and (real or (tensor.dtype == torch.bool and not bools)):  # an empty list becomes floats
        raise TypeError(f"{caller} needs integer {name}, got {tensor.dtype}: {remedy}")
    return tensor.to(torch.int64)
