"""Neurons as programs for snnTorch write them: a ``forward`` of one step, tensors as attributes, and no ``State``."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from snn_core.neuron.familiar import is_of_the_core
from snn_core.neuron.temporal import Temporal, cut


class NoState(NamedTuple):
    """The ``State`` of a neuron whose own ``forward`` keeps in attributes what the next step needs."""


class OwnForward(Temporal):
    """A base class of neurons whose subclasses may define ``forward`` instead of a ``State`` and its equation.

    Only such a subclass knows which of its attributes are states: ``reset_mem()``, if it defines that, puts them at
    rest, and whatever it has computed is cut off the graph.
    """

    State: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "State") and not is_of_the_core(cls.forward):
            cls.State = NoState
            cls.keeps_by_sample = False  # nothing else could shorten its states to the samples that still run

    def forget_attributes(self) -> None:
        """Put the states that are attributes at rest, if the class says how."""
        reset_mem: Any = self.reset_mem
        if not is_of_the_core(reset_mem):
            reset_mem()

    def detach_kept(self) -> None:
        super().detach_kept()
        if self.State is NoState:
            for values in (vars(self), self._buffers):
                values.update(cut(values))
