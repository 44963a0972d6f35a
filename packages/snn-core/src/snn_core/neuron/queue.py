"""States for the values of a neuron's last steps; an option determines how many."""

from __future__ import annotations

import functools
from collections import namedtuple
from typing import Any

from snn_core.neuron.kept_state import kept_field
from snn_core.neuron.spiking import SpikingNeuron


class Queued(SpikingNeuron):
    """A neuron that may have more states than its class, depending on an option: its constructor calls :meth:`hold`."""

    _more_fields: tuple[str, ...] = ()

    def hold(self, *fields: str) -> None:
        """Add states to this neuron, after those of its class and those that it has been given before."""
        fields = tuple(dict.fromkeys((*self._more_fields, *fields)))
        state = _state(type(self).State, fields)
        vars(self).update(State=state, _Carried=self.carrying(state), _more_fields=fields)

    def __getattr__(self, name: str) -> Any:
        return kept_field(name).__get__(self) if name in self._more_fields else super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._more_fields:
            kept_field(name).__set__(self, value)
        else:
            super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        # classes that are made at run time cannot be pickled by their names
        return {name: value for name, value in super().__getstate__().items() if name not in ("State", "_Carried")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_more_fields" in state:
            self.hold(*state["_more_fields"])
        super().__setstate__(state)


@functools.cache
def _state(base: Any, fields: tuple[str, ...]) -> Any:
    """Return a class of states with further fields after those of another; the same class for the same names."""
    return namedtuple(base.__name__, [*base._fields, *fields])
