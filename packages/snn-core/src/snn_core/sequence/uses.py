"""The calls of a plan together: which values each needs, which of them run on each step by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from snn_core.graph.node import flat
from snn_core.graph.steps import ROWS, Neuron, Place, Product, Step, TorchLayer


def grouped(steps: Sequence[Step], unsure: bool) -> list[Step | list[Step]]:
    """Return the calls in order, with calls in a row that run on each step by themselves in a list.

    With ``unsure``, calls on rows that may not be those of samples are among them.
    """
    groups: list[Step | list[Step]] = []
    way = ""  # of the last group
    for step in steps:
        by_step = step.of_step and step.way in ("each", "ahead")
        by_step |= unsure and step.unsure and step.way == "rows" and not isinstance(step.compute, Neuron)
        now = "ahead" if step.way == "ahead" else "each" if by_step else ""
        last = groups[-1] if groups else None
        if now and now == way and isinstance(last, list):
            last.append(step)
        else:
            groups.append([step] if now else step)
        way = now
    return groups


def with_uses(steps: Sequence[Step], outputs: Sequence[int]) -> tuple[Step, ...]:
    """Return the same steps, each with the values that it uses, and what is known from the steps after it."""
    needed = {*outputs}
    last_first: list[Step] = []
    readers: dict[int, list[Step]] = {}
    for step in reversed(steps):
        uses = frozenset(v.number for v in flat((step.args, step.kwargs)) if isinstance(v, Place) and v != ROWS)
        drops = tuple(sorted((uses | {*step.places}) - needed))
        needed |= uses
        spikes = step.places[:1] if isinstance(step.compute, Neuron) else ()
        feeds = any(n not in outputs and [*map(_is_product, readers.get(n, ()))] == [True] for n in spikes)
        for number in uses:
            readers.setdefault(number, []).append(step)
        last_first.append(replace(step, uses=uses, drops=drops, feeds_product=feeds))
    return tuple(reversed(last_first))


def _is_product(step: Step) -> bool:
    """Return True for a linear layer that runs on the rows of all steps at once."""
    if step.way != "rows" or step.grad is not None:
        return False
    return isinstance(step.compute, Product) or (isinstance(step.compute, TorchLayer) and step.kind == "Linear")
