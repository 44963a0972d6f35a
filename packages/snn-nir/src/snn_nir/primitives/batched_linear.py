"""A matrix for every position."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BatchedLinear(nn.Module):
    """Linear layer with a separate matrix for every position of the leading axes.

    Args:
        weight: ``[..., out, in]`` with at least one leading axis; a parameter.
        bias: ``[..., out]``, or None.

    Shape:
        input ``[batch, ..., in]``; output ``[batch, ..., out]``.

    Example:
        >>> layer = BatchedLinear(torch.tensor([[[1.0, 1.0]], [[2.0, 0.0]]]))
        >>> layer(torch.ones(1, 2, 2)).tolist()
        [[[2.0], [2.0]]]
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight: nn.Parameter = nn.Parameter(weight)
        self.bias: nn.Parameter | None = None if bias is None else nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.matmul(self.weight, x.unsqueeze(-1)).squeeze(-1)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return f"weight={tuple(self.weight.shape)}, bias={self.bias is not None}"
