"""A module's call that somebody looks at, in a step or over a whole sequence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from snn_core.sequence.folding import Folding

__all__ = ["Over", "Watched", "has_own_forward", "observed"]


class Watched(partial[Any]):
    """A call of a module's ``forward`` by somebody who looks at it and passes on what it takes and gives.

    Set on a module whose ``forward`` is its class's, it leaves everything true that is known of the class. Over a whole
    sequence what it passes on to is an :class:`Over`.

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


class Over:
    """A module that keeps something, called with the rows of a whole sequence.

    Args:
        module: The module.
        folding: How the rows are made of steps.
    """

    def __init__(self, module: Any, folding: Folding) -> None:
        self.__self__ = module
        self.folding = folding

    def __call__(self, rows: Any) -> Any:
        return self.__self__.run_rows(rows, self.folding)


def has_own_forward(module: nn.Module) -> bool:
    """Return True if a ``forward`` was set on this one module, which may do anything, unlike that of its class.

    Example:
        >>> layer = nn.ReLU()
        >>> layer.forward = lambda x: x - x.mean(0)
        >>> has_own_forward(layer), has_own_forward(nn.ReLU())
        (True, False)
    """
    forward = vars(module).get("forward")
    return forward is not None and not isinstance(forward, Watched)


def observed(module: Any, folding: Folding) -> Callable[[Any], Any]:
    """Return a module's call over a whole sequence, seen by whoever watches its ``forward``.

    Args:
        module: A module that keeps something.
        folding: How its rows are made of steps.

    Returns:
        The call.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> observed(snn.Leaky(beta=0.5, init_hidden=True), Folding(3))(torch.ones(3))
        tensor([0., 1., 0.])
    """
    over = Over(module, folding)
    watch = vars(module).get("forward")
    return partial(watch.func, *watch.args[:-1], over) if isinstance(watch, Watched) else over
