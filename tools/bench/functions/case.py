"""One function on one set of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

STEPS, BATCH, CLASSES = 100, 128, 1000


@dataclass
class Call:
    """A function with all of its arguments."""

    run: Callable[[], Any]  # calls it
    # tensors that get a gradient; empty without a backward pass
    leaves: Sequence[Tensor] = field(default_factory=tuple)

    def forward(self) -> Any:
        """Return the function's result, with no earlier gradient left."""
        for leaf in self.leaves:
            leaf.grad = None
        return self.run()

    def backward(self, out: Tensor) -> None:
        """Compute the gradient of the sum of the result at the leaves."""
        out.backward(torch.ones_like(out))


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str  # name of the function, with words that tell two calls of it apart
    group: str  # title of its table
    given: str  # description of its arguments, for a reader
    make: Callable[[Any, Draw], Call]  # makes the call, for a library and a source of arrays
    least: float = 1.0  # the target: how many times as fast as the peer's it should be
    differs: str = ""  # why the two do not give the same numbers; empty if they do
    note: str = ""  # note below the table
    times: int = 1  # factor on the number of rounds: more if what differs is small compared with what both do


class Draw:
    """Arrays that are the same in every process.

    Example:
        >>> torch.equal(Draw().uniform(3), Draw().uniform(3))
        True
    """

    def __init__(self) -> None:
        self._generator = np.random.default_rng(0)

    def uniform(self, *shape: int) -> Tensor:
        """Draw numbers from 0 to 1, float32."""
        return torch.from_numpy(self._generator.random(shape, dtype=np.float32))

    def spikes(self, *shape: int, rate: float = 0.1) -> Tensor:
        """Draw ones at a rate, zeros elsewhere, float32."""
        return (self.uniform(*shape) < rate).float()

    def images(self, number: int, side: int) -> Tensor:
        """Draw square images, uint8."""
        return torch.from_numpy(self._generator.integers(0, 256, (number, side, side), dtype=np.uint8))

    def labels(self, number: int = BATCH, classes: int = CLASSES) -> Tensor:
        """Draw labels, int64."""
        return torch.from_numpy(self._generator.integers(0, classes, number))
