"""A surrogate with a random derivative."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from snn_core.surrogate.step import Surrogate


@dataclass(frozen=True)
class SSO(Surrogate):
    """Stochastic spike operator: 1 where the neuron fired, else ``(u + mean) * variance``, u uniform in [-0.5, 0.5).

    Draws from torch's global generator in the backward pass.

    Args:
        mean: Shift of the uniform noise.
        variance: Its scale.

    Example:
        >>> SSO(mean=1.0, variance=0.0).derivative(torch.tensor([-1.0, 1.0]))
        tensor([0., 1.])

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023).
    """

    mean: float = 0
    variance: float = 0.2

    def derivative(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, 1.0, (torch.rand_like(x) - 0.5 + self.mean) * self.variance)
