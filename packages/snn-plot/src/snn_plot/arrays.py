"""The conversion of any recording to a numpy array."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def to_array(data: Any, name: str = "data") -> np.ndarray:
    """Copy or view a recording as an array of booleans, integers, float32 or float64, which matplotlib can draw.

    The data are a tensor on any device, of any real dtype, a numpy array, a number, or a list or tuple of these, such
    as the outputs that a loop over time collects, which adds a leading axis. `name` begins messages: the plot
    and its argument.
    """
    if isinstance(data, Tensor):
        return _from_tensor(data, name)
    if isinstance(data, (list, tuple)) and any(isinstance(entry, (Tensor, np.ndarray, list, tuple)) for entry in data):
        entries = [to_array(entry, name) for entry in data]
        shapes = {entry.shape for entry in entries}
        if len(shapes) > 1:
            raise ValueError(f"{name} must have entries of one shape, got {sorted(shapes)}")
        return np.stack(entries)
    array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must contain real numbers, got {type(data).__name__} of dtype {array.dtype}")
    # float16 is too coarse for the sums and limits that matplotlib computes
    return array.astype(np.float32) if array.dtype == np.float16 else array


def time_by_neuron(data: Any, *, time_first: bool = True, name: str = "data", finite: bool = True) -> np.ndarray:
    """Return a recording of one sample as ``[time, neuron]``, with at least one step and one neuron.

    The data have that shape or ``[time]``, or ``[neuron, time]`` without `time_first`; with `finite`, NaN and infinity
    are refused.
    """
    array = to_array(data, name)
    expected = "[time, neuron] or [time]" if time_first else "[neuron, time] or [time]"
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have shape {expected}, got {list(array.shape)}. Fix: take one sample of the batch, "
            "and flatten what remains beyond time"
        )
    if array.size == 0:
        raise ValueError(f"{name} must have shape {expected} and contain at least one value, got {list(array.shape)}")
    if finite:
        require_finite(array, name)
    if array.ndim == 1:
        return array[:, None]
    return array if time_first else array.T


def require_finite(array: np.ndarray, name: str) -> None:
    """Refuse NaN and infinity, which have no place, height or color."""
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        raise ValueError(
            f"{name} contains {int((~finite).sum())} values that are NaN or infinite. Fix: find the step where they "
            "begin, or replace them with torch.nan_to_num"
        )


def _from_tensor(data: Tensor, name: str) -> np.ndarray:
    if data.is_complex():
        raise TypeError(f"{name} must contain real numbers, got a tensor of {data.dtype}. Fix: take .abs() or .real")
    data = data.detach().to_dense()
    # numpy lacks bfloat16 and the 8-bit floats
    if data.is_floating_point() and data.dtype != torch.float64:
        data = data.float()
    return data.numpy(force=True)
