"""Neurons that fire above a threshold and fall back to a reset potential."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from snn_core import SpikingNeuron


class ResetToValue(SpikingNeuron):
    r"""Mix-in that fires where the membrane exceeds its threshold and then sets it to :math:`v_{reset}`.

    .. math:: z = \Theta(v - v_{threshold}), \qquad v \leftarrow v_{reset} \;\text{where}\; z = 1

    It comes before the equation among the bases. NIR has only this reset; ``reset_mechanism="subtract"`` lowers the
    membrane by the threshold instead.

    Args:
        v_threshold: Potential above which the neuron fires, one per neuron; the parameter ``threshold``.
        v_reset: Potential after a spike, one per neuron; 0 when None.
        reset_mechanism: ``"zero"`` for the reset to ``v_reset``, ``"subtract"``, or ``"none"``.
        reset_delay: Reset in the step after a spike (True) or in the same step (False), as NIR defines it.
        **options: The other options of :class:`~snn_core.SpikingNeuron`.

    Example:
        >>> from snn_nir.primitives import IF
        >>> neuron = IF(r=torch.ones(1), v_threshold=torch.ones(1), v_reset=-torch.ones(1), dt=1.0)
        >>> spk, state = neuron.step(torch.full((1, 1), 1.5))
        >>> spk.item(), state.mem.item()
        (1.0, -1.0)
    """

    v_reset: Tensor

    def __init__(
        self,
        *,
        v_threshold: Tensor,
        v_reset: Tensor | None = None,
        reset_mechanism: Literal["subtract", "zero", "none"] = "zero",
        reset_delay: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            threshold=v_threshold,
            learn_threshold=True,
            reset_mechanism=reset_mechanism,
            reset_delay=reset_delay,
            **options,
        )
        self.constant("v_reset", torch.zeros_like(v_threshold) if v_reset is None else v_reset, learn=True)

    def clear(self, state: Any, fired: Tensor) -> Any:
        return state._replace(mem=state.mem * (1 - fired) + self.v_reset * fired)

    def extra_repr(self) -> str:
        return self._describe(*self.described, "threshold", "v_reset", "reset_mechanism", "spike_grad")
