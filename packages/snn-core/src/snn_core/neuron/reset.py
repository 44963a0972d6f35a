"""What a spike does to the neuron that fired it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

__all__ = ["RESETS", "NoReset", "Reset", "Subtract", "Zero"]


class Reset:
    """A reset, placed by the neuron's step around its equation.

    Delayed (the default) ``before`` acts on the incoming state and ``after`` on the integrated one, both with the
    spikes of the step before. Immediate, ``at_once`` acts on the integrated state with the spikes of this very step.
    """

    acts = True
    uses: tuple[str, ...] = ()  # the neuron's methods that say what a spike does to its state

    def before(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        return state

    def after(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        return state

    def at_once(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        return state


class Subtract(Reset):
    """Lower the membrane by the threshold."""

    uses: tuple[str, ...] = ("subtract",)

    def after(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        return neuron.subtract(state, fired * neuron.threshold)

    at_once = after


class Zero(Reset):
    """Clear the membrane; before the step's input arrives, where the neuron ``clears_first``."""

    uses: tuple[str, ...] = ("clear",)

    def before(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        return neuron.clear(state, fired) if _clears_first(neuron) else state

    def after(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        return state if _clears_first(neuron) else neuron.clear(state, fired)

    def at_once(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        return neuron.clear(state, fired)


def _clears_first(neuron: Any) -> bool:
    return neuron.clears_first and not neuron.zero_drops_input


class NoReset(Reset):
    """Leave the membrane alone."""

    acts = False


RESETS: dict[str, Reset] = {"subtract": Subtract(), "zero": Zero(), "none": NoReset()}  # in the order of their codes
