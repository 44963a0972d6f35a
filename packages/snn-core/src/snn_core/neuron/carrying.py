"""The values that a sequence passes on from step to step: the state, and the last spikes if the equation reads them."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, ClassVar

from torch import Tensor

from snn_core.neuron.firing import Firing


class Carrying(Firing):
    r"""A neuron whose equation may contain :math:`S[t-1]`, the spikes of the step before.

    These spikes follow from the state that the step before left, so they are not part of it. A sequence may also pass
    them on beside the state, as the last field of ``_Carried``. The first step from rest has no step before it:
    :math:`S[0]` is a constant, without the surrogate's gradient.
    """

    State: ClassVar[Any]
    _Carried: ClassVar[Any]  # the State, with a field "fired" after its own if the equation reads spikes
    reads_spikes: ClassVar[bool] = False  # True if integrate calls last_spikes; the equation then contains the reset

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(getattr(cls, "State", None), "_fields"):
            cls._Carried = cls.carrying(cls.State)

    @classmethod
    def carrying(cls, state: Any) -> Any:
        """Return the class of what a sequence passes on, given the class of the state."""
        return namedtuple("Carried", [*state._fields, "fired"]) if cls.reads_spikes else state

    def last_spikes(self, state: Any) -> Tensor:
        r"""Return :math:`S[t-1]` for ``integrate``, with its surrogate gradient unless no step came before."""
        return self._crossing(self.membrane(state)) if isinstance(state, self.State) else state.fired


def is_at_rest(state: Any) -> bool:
    """Return True for None, or a state whose fields are all None or of shape ``(0,)``: no step came before."""
    if not isinstance(state, tuple):
        return state is None
    return all(s is None or (isinstance(s, Tensor) and s.shape == (0,)) for s in state)
