"""A module's ``forward`` that somebody watches, and that does what it did before."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

__all__ = ["Watched", "has_own_forward"]


class Watched(partial[Any]):
    """A call of a module's ``forward`` by somebody who looks at it and passes on what it takes and gives.

    Set on a module whose ``forward`` is its class's, it leaves everything true that is known of the class.

    Example:
        >>> import torch
        >>> layer, calls = nn.Linear(3, 2), []
        >>> def look(forward, x):
        ...     calls.append(x)
        ...     return forward(x)
        >>> layer.forward = Watched(look, layer.forward)
        >>> layer(torch.zeros(1, 3)).shape, len(calls), has_own_forward(layer)
        (torch.Size([1, 2]), 1, False)
    """


def has_own_forward(module: nn.Module) -> bool:
    """Whether a ``forward`` was set on this one module, which may do anything, unlike that of its class.

    Example:
        >>> layer = nn.ReLU()
        >>> layer.forward = lambda x: x - x.mean(0)
        >>> has_own_forward(layer), has_own_forward(nn.ReLU())
        (True, False)
    """
    forward = vars(module).get("forward")
    return forward is not None and not isinstance(forward, Watched)
