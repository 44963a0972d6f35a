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
    """A function with all of its arguments.

    Args:
        run: Calls it.
        leaves: What the backward pass goes to; empty where there is none.
    """

    run: Callable[[], Any]
    leaves: Sequence[Tensor] = field(default_factory=tuple)

    def forward(self) -> Any:
        """Return the function's result, with no earlier gradient left."""
        for leaf in self.leaves:
            leaf.grad = None
        return self.run()

    def backward(self, out: Tensor) -> None:
        """From the sum of what it returned to the leaves."""
        out.backward(torch.ones_like(out))


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Args:
        name: The function's name, and words that tell two calls of it apart.
        group: What it belongs to.
        given: What it is called with, as a reader sees it.
        make: Makes the call, for a library and a source of arrays.
        least: How many times faster than the peer's it is to be.
        differs: Why the two do not give the same numbers; empty where they do.
        note: What a reader needs to know of it.
        times: How many times as many rounds as usual: more where what is measured is little beside what both do.
    """

    name: str
    group: str
    given: str
    make: Callable[[Any, Draw], Call]
    least: float = 1.0
    differs: str = ""
    note: str = ""
    times: int = 1


class Draw:
    """Arrays that are the same in every process.

    Example:
        >>> torch.equal(Draw().uniform(3), Draw().uniform(3))
        True
    """

    def __init__(self) -> None:
        self._generator = np.random.default_rng(0)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers from 0 to 1, float32."""
        return torch.from_numpy(self._generator.random(shape, dtype=np.float32))

    def spikes(self, *shape: int, rate: float = 0.1) -> Tensor:
        """Ones at a rate, zeros elsewhere, float32."""
        return (self.uniform(*shape) < rate).float()

    def images(self, number: int, side: int) -> Tensor:
        """Square images, uint8."""
        return torch.from_numpy(self._generator.integers(0, 256, (number, side, side), dtype=np.uint8))

    def labels(self, number: int = BATCH, classes: int = CLASSES) -> Tensor:
        """Labels, int64."""
        return torch.from_numpy(self._generator.integers(0, classes, number))
