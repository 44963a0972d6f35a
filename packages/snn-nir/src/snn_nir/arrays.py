"""Tensors as NumPy arrays."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["array_of"]


def array_of(value: Tensor, dtype: torch.dtype | None = None) -> np.ndarray:
    """Return a tensor's numbers, also of one whose memory holds their negatives or conjugates, which NumPy cannot say.

    Args:
        value: The tensor, on any device, with a gradient or without.
        dtype: What to convert it to; None to leave it as it is.

    Returns:
        The array, which may share the tensor's memory.

    Example:
        >>> array_of(torch.tensor([1 - 2j]).conj().imag)
        array([2.], dtype=float32)
    """
    return value.detach().to("cpu", dtype).resolve_conj().resolve_neg().numpy()
