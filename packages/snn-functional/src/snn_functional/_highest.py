"""The highest value over time, with its gradient at the first step that reaches it."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_functional._spike_times import counter

_FRAME = 16384  # values of a step; with fewer, a loop over the steps costs more than it saves


def highest(values: Tensor) -> Tensor:
    r"""Return the highest value over time ``[B, C]``; NaN if one of the values is.

    .. math:: m_{bc} = \max_t v_{tbc}

    The gradient goes to the first step that reaches it, like that of ``values.max(0)`` on a CPU, which takes up to
    three times as long because it looks for the step one value at a time.
    """
    if values.device.type != "cpu" or values[0].numel() < _FRAME or torch.compiler.is_compiling():
        return values.max(0).values
    first, *later = values.detach().unbind(0)
    dtype = counter(len(values))
    best, step = first, torch.zeros_like(first, dtype=dtype)
    for number, value in enumerate(later, 1):
        step = torch.maximum(step, (value > best).to(dtype) * number)
        best = torch.maximum(best, value)
    result = values.gather(0, step.long().unsqueeze(0)).squeeze(0)
    return torch.where(best.isnan(), best, result)  # comparisons do not detect NaN
