"""Neurons whose output is their membrane potential instead of spikes."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import Tensor

from snn_core import SpikingNeuron


class Readout(SpikingNeuron):
    """Mix-in for a neuron that never fires and whose output is its membrane potential.

    It comes before the equation among the bases.
    """

    resets: ClassVar[bool] = False

    def __init__(self, **options: Any) -> None:
        super().__init__(threshold=math.inf, reset_mechanism="none", **options)

    def advance(self, x: Tensor, state: Any, fired: Any) -> tuple[Tensor, Any, Tensor | None]:
        new = self.integrate(x, state)
        new = type(new)._make(s.to(x.dtype) for s in new)
        return self.membrane(new), new, None

    def extra_repr(self) -> str:
        return self._describe(*self.described)
