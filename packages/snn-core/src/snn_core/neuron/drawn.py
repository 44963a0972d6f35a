"""Layers of neurons whose constants are drawn at random, as in the papers, and learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from snn_core.neuron.bounds import bounded


class Draw(NamedTuple):
    """A distribution of a constant, and the range in which the constant stays if it is learned, None for any value."""

    sample: Callable[[int], Tensor]
    ends: tuple[float, float] | None = None


def uniform(low: float, high: float, *, bound: bool = True) -> Draw:
    """Return a uniform distribution that stays a thousandth of the range away from either end."""
    ends = (low, high) if bound else None
    return Draw(lambda count: low + (high - low) * (0.001 + 0.998 * torch.rand(count)), ends)


def uniform_steps(shortest: float, longest: float) -> Draw:
    """Return the distribution of a decay whose time constant is uniform between two numbers of steps."""
    ends = math.exp(-1 / shortest), math.exp(-1 / longest)
    return Draw(lambda count: torch.exp(-1 / uniform(shortest, longest).sample(count)), ends)


def normal_steps(mean: float, std: float) -> Draw:
    """Return the distribution of a decay whose time constant is normal, but at least one step."""
    return Draw(lambda count: torch.exp(-1 / (mean + std * torch.randn(count)).clamp_min(1)), (0, 1))


def fixed(value: float) -> Draw:
    """Return a distribution of one value, with which all neurons begin."""
    return Draw(lambda count: torch.full((count,), value))


class Drawn:
    """Mix-in of neurons with published distributions of their constants."""

    draws: ClassVar[Mapping[str, Draw]]

    @classmethod
    def random(cls, neurons: int, **options: Any) -> Self:
        """Return a layer of neurons, each with its own constants, which are drawn as in the paper and are learned.

        Args:
            neurons: Number of neurons.
            **options: Further arguments of the constructor. A constant among them is not drawn; it is learned unless
                ``learn_...=False`` is passed with it.

        Returns:
            The neurons; the documentation of their class tells what is drawn.

        Example:
            >>> import snn_core as snn
            >>> neurons = snn.AdLIF.random(100)
            >>> bool((neurons.b > 0).all() and (neurons.b < 2).all())
            True
        """
        kind: Any = cls
        constants = {name: draw.sample(neurons) for name, draw in cls.draws.items()}
        layer = kind(**{**constants, **{f"learn_{name}": True for name in constants}, **options})
        for name, draw in cls.draws.items():
            if draw.ends is not None and getattr(layer, name).requires_grad:
                bounded(layer, name, low=draw.ends[0], high=draw.ends[1])
        return layer
