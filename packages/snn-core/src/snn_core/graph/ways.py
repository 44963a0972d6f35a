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
    values = [flat((step.args, step.kwargs)) for step in calls]  # read once: a deep net changes hundreds of buffers
    named = [{value.path for value in each if isinstance(value, Named)} for each in values]
    uses = [{value.number for value in each if isinstance(value, Place)} for each in values]
    paths = sorted({path for step in calls for path in step.changes})
    together = [_kept_in_time(calls, path, named, uses) for path in paths]
    if any(step.way == "ahead" for step in calls):
        _draw_ahead(calls, together, uses)
    return calls


def _kept_in_time(calls: list[Step], path: str, named: list[set[str]], uses: list[set[int]]) -> list[int]:
    """Let everything between the first and the last call that uses a changing buffer run on each step by itself.

    Returns:
        The numbers of the calls that use it.
    """
    varying: set[int] = set()  # values of which only the buffer differs between steps
    touching = []
    for number, step in enumerate(calls):
        is_reader = path in step.changes or path in named[number]
        if not step.of_step and (is_reader or not varying.isdisjoint(uses[number])):
            varying.update(step.places)
            is_reader = True
        if is_reader or not varying.isdisjoint(uses[number]):
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


def _draw_ahead(calls: list[Step], together: list[list[int]], uses: list[set[int]]) -> None:
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
            needed |= uses[number]
        more = {number for numbers in together if not ahead.isdisjoint(numbers) for number in numbers} - ahead
        if not more:
            break
        ahead |= more
    for number in ahead:
        calls[number] = _by_step(calls[number], "ahead", calls[number].why or "random numbers depend on it")


def _by_step(step: Step, way: Way, why: str) -> Step:
    return replace(step, way=way, why=why, of_step=True)
