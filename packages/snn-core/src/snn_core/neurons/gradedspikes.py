"""A learned amplitude for the spikes of every neuron."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class GradedSpikes(nn.Module):
    r"""A learned weight for the spikes of every neuron, :math:`y_i = w_i\,x_i`.

    Args:
        size: Number of neurons.
        constant_factor: Initial weight; None draws each from the uniform distribution on [0.5, 1.5).

    Shape:
        input and output ``[..., size]``; the weights are ``[size, 1]``.

    Raises:
        ValueError: If ``constant_factor`` is not finite, or the last axis of the input is not ``size``.

    Example:
        >>> GradedSpikes(2, constant_factor=3.0)(torch.tensor([[1.0, 0.0]]))
        tensor([[3., 0.]], grad_fn=<MulBackward0>)

    Source: Orchard et al., Efficient Neuromorphic Signal Processing with Loihi 2 (2021), for graded spikes.
    """

    def __init__(self, size: int, constant_factor: float | None = None) -> None:
        super().__init__()
        if constant_factor is not None and not math.isfinite(constant_factor):
            raise ValueError(f"GradedSpikes: constant_factor must be finite, got {constant_factor!r}")
        self.size = size
        weights = (
            torch.rand(size, 1) + 0.5 if constant_factor is None else torch.full((size, 1), float(constant_factor))
        )
        self.weights: nn.Parameter = nn.Parameter(weights)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` times the weights along its last axis."""
        if x.dim() == 0 or x.shape[-1] != self.size:
            raise ValueError(
                f"GradedSpikes has {self.size} weights for the last axis, got input of shape {tuple(x.shape)}"
            )
        return x * self.weights.squeeze(-1)

    def extra_repr(self) -> str:
        return f"size={self.size}"
