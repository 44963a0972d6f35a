"""The ways in which the calls of a step run over all steps, as far as they depend on other calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from snn_core.graph.node import flat
from snn_core.graph.steps import Named, Neuron, NotSampleWise, Place, Step, Way


def settled(steps: Sequence[Step]) -> list[Step]:
    """Return the same calls, each in the way that the calls around it leave.

    Raises:
        NotSampleWise: If only the loop runs them in the right order.
    """
    calls = list(steps)
    together = [_kept_in_time(calls, path) for path in sorted({path for step in calls for path in step.changes})]
    if any(step.way == "ahead" for step in calls):
        _draw_ahead(calls, together)
    return calls


def _kept_in_time(calls: list[Step], path: str) -> list[int]:
    """Let everything between the first and the last call that uses a changing buffer run on each step by itself.

    Returns:
        The numbers of the calls that use it.
    """
    varying: set[int] = set()  # values of which only the buffer differs between steps
    touching = []
    for number, step in enumerate(calls):
        is_reader = path in step.changes or any(isinstance(v, Named) and v.path == path for v in _values(step))
        if not step.of_step and (is_reader or not varying.isdisjoint(_uses(step))):
            varying.update(step.places)
            is_reader = True
        if is_reader or not varying.isdisjoint(_uses(step)):
            touching.append(number)
    if len(touching) == 1:
        return touching
    for number in range(touching[0], touching[-1] + 1):
        step = calls[number]
        if isinstance(step.compute, Neuron):
            raise NotSampleWise(f"forward uses the buffer {path!r}, which it changes, before and after {step.path!r}")
        if step.of_step or number in touching:
            why = f"the buffer {path!r} changes in every step" if number in touching else step.why
            way: Way = "ahead" if step.way == "ahead" else "each"
            calls[number] = _by_step(step, way, why or f"it runs between uses of the buffer {path!r}")
    return touching


def _draw_ahead(calls: list[Step], together: list[list[int]]) -> None:
    """Let everything that random numbers depend on run before the sequence too.

    If this is so for one call that uses a changing buffer, it is so for all that use it, which are ``together``.
    """
    ahead: set[int] = {number for number, step in enumerate(calls) if step.way == "ahead"}
    while True:
        needed: set[int] = set()
        for number in reversed(range(len(calls))):
            step = calls[number]
            if not step.of_step or not (number in ahead or not needed.isdisjoint(step.places)):
                continue
            if isinstance(step.compute, Neuron):
                raise NotSampleWise(f"random numbers depend on the output of {step.path!r}")
            ahead.add(number)
            needed |= _uses(step)
        more = {number for numbers in together if not ahead.isdisjoint(numbers) for number in numbers} - ahead
        if not more:
            break
        ahead |= more
    for number in ahead:
        calls[number] = _by_step(calls[number], "ahead", calls[number].why or "random numbers depend on it")


def _by_step(step: Step, way: Way, why: str) -> Step:
    return replace(step, way=way, why=why, of_step=True)


def _values(step: Step) -> list[object]:
    return flat((step.args, step.kwargs))


def _uses(step: Step) -> set[int]:
    return {value.number for value in _values(step) if isinstance(value, Place)}
