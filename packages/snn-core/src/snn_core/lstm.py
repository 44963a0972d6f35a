"""The gates of a long short-term memory cell."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["memory_and_output"]


def memory_and_output(i: Tensor, f: Tensor, g: Tensor, o: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    r"""Next memory and output of an LSTM cell, from its pre-activations and its memory.

    .. math:: c' = \sigma(f)\,c + \sigma(i)\tanh(g), \qquad h' = \sigma(o)\tanh(c')

    Written out because torch's fused cell has no batching rule for ``torch.func.vmap``.

    Args:
        i: Pre-activation of the input gate, of the shape of ``c`` as the others.
        f: Of the forget gate.
        g: Of the candidate.
        o: Of the output gate.
        c: Memory.

    Returns:
        ``(c', h')``.

    Example:
        >>> zero = torch.zeros(1)
        >>> memory_and_output(zero, zero, zero, zero, torch.ones(1))
        (tensor([0.5000]), tensor([0.2311]))

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory (1997); Gers et al. (2000) for the forget gate.
    """
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return c, torch.sigmoid(o) * torch.tanh(c)
