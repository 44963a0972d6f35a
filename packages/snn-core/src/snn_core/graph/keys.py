"""Keys by which the records of two steps are compared."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from torch.utils._pytree import tree_flatten

from snn_core.graph.steps import Step, Whole


def key_of(steps: Sequence[Step], outputs: Any) -> Any:
    """Return a key that is the same for the same calls with the same constants and outputs."""
    calls = [(s.compute, _whole(s), frozen(s.args), frozen(s.kwargs), s.places, s.way, s.grad) for s in steps]
    places, spec = tree_flatten(outputs)
    return tuple(calls), tuple(places), str(spec)


def _whole(step: Step) -> tuple[str, str] | None:
    """Return the path and class of the module that a step calls as a whole."""
    return (step.path, step.kind) if isinstance(step.compute, Whole) else None


def frozen(value: Any) -> Any:
    """Return a form of an argument that can be compared and hashed, in which 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return tuple((key, frozen(item)) for key, item in sorted(value.items()))
    if isinstance(value, list | tuple):
        return type(value).__name__, *map(frozen, value)
    if isinstance(value, slice):
        return "slice", value.start, value.stop, value.step
    return type(value).__name__, value if isinstance(value, Hashable) else id(value)
