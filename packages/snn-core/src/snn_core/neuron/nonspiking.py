"""Neurons that never fire, and whose output is their membrane potential."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import Tensor

from snn_core.engines.dtypes import as_dtype, computing_dtype
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.stepping import integrated


class NonSpiking(SpikingNeuron):
    """Mix-in for a neuron that never fires and whose output is its membrane potential.

    It comes before the equation among the bases. The neuron returns the membrane alone, also with
    ``init_hidden=False``, where the membrane is the state that the caller passes on.
    """

    resets: ClassVar[bool] = False

    def __init__(self, **options: Any) -> None:
        super().__init__(threshold=math.inf, reset_mechanism="none", **options)
        if self.remembers:
            raise TypeError(
                f"{type(self).__name__} never fires, so nothing can depend on its last spikes; leave out Recurrent and "
                "Refractory"
            )

    def driven(self, xs: Tensor) -> Tensor:
        return as_dtype(xs, computing_dtype(xs))  # half precision would round a membrane

    def advance(self, x: Tensor, state: Any, fired: Any) -> tuple[Tensor, Any, Tensor | None]:
        state = integrated(self, x, state)
        state = type(state)._make([as_dtype(s, x.dtype) for s in state])
        if self.state_quant:
            state = self._quantized(state)
        return self.membrane(state), state, None

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("mem",)

    def outputs(self, spk: Tensor, state: Any) -> Any:
        return spk

    def extra_repr(self) -> str:
        return self._describe(*self.described, *(["state_quant"] if self.state_quant else []))
