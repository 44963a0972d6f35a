"""Batch normalization of each step of a sequence by its own statistics, for rows whose channels lie side by side."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["StepNorms"]


class StepNorms:
    """An implementation of batch normalization that reads each step while it is in the cache, and sums in float64."""

    name = "snn-cpu"
    device = "cpu"

    def batch_norm(self, rows: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> tuple[Tensor, ...]:
        """Return the normalized rows, and the mean, variance and one over the standard deviation of each step."""
        return torch.ops.snn_cpu.batch_norm(rows, weight, bias, eps)  # type: ignore[no-any-return]

    def batch_norm_gradient(
        self, grad: Tensor, rows: Tensor, weight: Tensor | None, means: Tensor, scales: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of rows, weight and bias, given that of the normalized rows."""
        return torch.ops.snn_cpu.batch_norm_gradient(grad, rows, weight, means, scales)  # type: ignore[no-any-return]
