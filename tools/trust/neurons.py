"""The neurons that are measured: every public one, as made by its first line in ``zoo.py`` of snn-core's tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

import snn_core as snn
from siblings import module_of_tests
from snn_core.neuron.firing import Firing


@dataclass(frozen=True)
class Neuron:
    """A neuron class and how to build one."""

    kind: Callable[..., Any]  # the class
    arguments: tuple[Any, ...]  # positional arguments of its constructor, the same in snnTorch
    named: dict[str, Any]  # keyword arguments of its constructor
    shape: tuple[int, ...]  # shape of one step's input, batch first
    peer: dict[str, Any]  # further keyword arguments with which snnTorch computes the same

    @property
    def name(self) -> str:
        """The name of the class."""
        return str(getattr(self.kind, "__name__", self.kind))

    @property
    def whole(self) -> bool:
        """True if the neuron takes a whole sequence instead of one step."""
        return hasattr(self.kind, "sequence")

    def accepted(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return those of some options that the constructor takes."""
        parameters = inspect.signature(self.kind).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        return {name: value for name, value in options.items() if takes_any or name in parameters}

    def make(self, **options: Any) -> Any:
        """Return a neuron in float64, with the same random weights every time."""
        torch.manual_seed(0)
        return self.kind(*self.arguments, **{**self.named, **options}).double()

    def input(self, num_steps: int) -> Tensor:
        """Return random input, ``[num_steps, batch, ...]``, the same every time."""
        draw = torch.Generator().manual_seed(1)
        return 1.2 * torch.randn(num_steps, *self.shape, generator=draw, dtype=torch.float64) + 0.4


zoo = module_of_tests("snn-core/tests", "zoo")
"""The module of snn-core's tests that has a line for every neuron."""


def every() -> list[Neuron]:
    """Return the public neurons, as the zoo makes them.

    Example:
        >>> [neuron.name for neuron in every()][:3]
        ['Leaky', 'RLeaky', 'Synaptic']
    """
    lines: list[Any] = [*zoo.NEURONS, *(zoo.Case(name, constructor) for name, constructor in zoo.WHOLE.items())]
    first: dict[Any, Neuron] = {}
    for case in lines:
        make = partial(case.constructor)  # takes a partial of a class apart, and wraps a class
        if make.func.__name__ in public_neurons():
            first.setdefault(make.func, Neuron(make.func, make.args, make.keywords, case.shape, case.peer))
    return list(first.values())


def public_neurons() -> set[str]:
    """Return the names of all neurons that the package lists: the classes that fire and are not abstract bases.

    Example:
        >>> "Leaky" in public_neurons(), "SpikingNeuron" in public_neurons()
        (True, False)
    """
    kinds = {name: getattr(snn, name) for name in snn.__all__}
    firing = {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Firing)}
    return {name for name, kind in firing.items() if hasattr(kind, "State") or hasattr(kind, "sequence")}


EVERY = every()
