"""Attributes and random generators of a net, restored while a part of the sequence is run again."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from snn_core.neuron.temporal import Temporal
from snn_core.sequence.random_states import RandomStates
from snn_core.sequence.surroundings import Surroundings

__all__ = ["OwnThings"]

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class OwnThings:
    """Attributes of a net's modules, and random generators, as they are now.

    Tensors inside an autograd graph are the same later; everything else is copied.

    Args:
        net: The net.

    Example:
        >>> net = nn.Module()
        >>> net.counts = [1]
        >>> things = OwnThings(net)
        >>> net.counts.append(2)
        >>> with things.as_they_were():
        ...     net.counts
        [1]
        >>> net.counts
        [1, 2]
    """

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._surroundings = Surroundings(net)
        self._numbers = RandomStates()
        self._lost = ""  # an attribute that cannot be copied
        shared: list[Any] = [*net.modules(), *net.parameters(), *net.buffers()]
        shared += [tensor for _, tensor in self._surroundings.tensors() if tensor.requires_grad]
        self._shared = shared
        self._began = [(module, self._copies(_own(module))) for module in net.modules()]

    def must_be_all(self) -> None:
        """Refuse what has changed since and cannot be put back.

        Raises:
            ValueError: If there is such a thing.
        """
        changed = self._surroundings.change_elsewhere() or (self._surroundings.change() and self._lost)
        if changed:
            raise ValueError(
                f"unroll: chunk= runs a part of the sequence again in the backward pass, but the forward of "
                f"{type(self._net).__name__} {changed}, which cannot be put back; keep it in the net, or pass no chunk"
            )

    @contextmanager
    def as_they_were(self) -> Iterator[None]:
        """Put everything back, as long as it lasts."""
        now = [(module, _own(module)) for module, _ in self._began]
        numbers = RandomStates()
        try:
            self._numbers.restore()
            for module, things in self._began:
                _put(module, self._copies(things))
            yield
        finally:
            for module, things in now:
                _put(module, things)
            numbers.restore()

    def _copies(self, things: dict[str, Any]) -> dict[str, Any]:
        memo: dict[int, Any] = {id(value): value for value in self._shared} | self._surroundings.twins()
        copies: dict[str, Any] = {}
        for name, value in things.items():
            try:
                copies[name] = copy.deepcopy(value, memo)
            except Exception:  # whatever an object of a user's raises that cannot be copied
                copies[name] = value
                self._lost = f"changes the attribute {name!r} while it runs"
        return copies


def _own(module: nn.Module) -> dict[str, Any]:
    if isinstance(module, Temporal):
        return {}
    return {name: value for name, value in vars(module).items() if name not in _OF_EVERY_MODULE}


def _put(module: nn.Module, things: dict[str, Any]) -> None:
    for name in _own(module):
        del vars(module)[name]
    vars(module).update(things)
