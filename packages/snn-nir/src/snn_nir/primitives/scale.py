"""Element-wise product with a constant."""

from __future__ import annotations

from torch import Tensor, nn


class Scale(nn.Module):
    """Element-wise product with a constant, ``x * scale``.

    Args:
        scale: Factor, one per value of a sample; a parameter.

    Shape:
        input ``[batch, ...]``; output the same.

    Example:
        >>> import torch
        >>> Scale(torch.tensor([2.0, 0.5]))(torch.ones(1, 2)).tolist()
        [[2.0, 0.5]]

    Source: Pedersen et al., Neuromorphic intermediate representation (2024), table 1.
    """

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.scale: nn.Parameter = nn.Parameter(scale)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale

    def extra_repr(self) -> str:
        return f"shape={tuple(self.scale.shape)}"
