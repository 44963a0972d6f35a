"""The steps of values in a ``forward`` with a loop over time."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import nn

from snn_nir.codes import refusal
from snn_nir.exporting.calls import Call
from snn_nir.exporting.drawing import Signal


class Stacked(NamedTuple):
    """A value of every step, one after another."""

    each: Any


def reads_steps(node: Call) -> bool:
    """Return True if an input is ``[T, batch, ...]``, and the network takes it step by step."""
    return bool(node.users) and all(u.is_item and isinstance(u.args[1], int) for u in node.users)


class Steps:
    """The step of every value of a recording, and the number of calls of each neuron.

    A loop repeats a time step: every neuron continues from its own last state and gets the same value in every step,
    taken from that step. The graph contains the step once.
    """

    def __init__(self) -> None:
        self._of: dict[Call, int] = {}
        self._calls: dict[nn.Module, list[Call]] = {}
        self._first: dict[nn.Module, tuple[Signal, Any]] = {}
        self._last = 0

    def put(self, node: Call, step: int) -> None:
        """Set the step of a value."""
        self._of[node] = step
        self._last = max(self._last, step)

    def infer(self, node: Call) -> None:
        """Infer the step of a value from its inputs."""
        results = {self._of[n] for n in node.inputs() if n in self._of}
        if len(results) > 1:
            raise refusal("NIR411", repr(node.name), f"values of the steps {sorted(results)} are combined")
        for step in results:
            self._of[node] = step

    def call(self, module: nn.Module, node: Call, signal: Signal, where: str) -> Any:
        """Count a call of a neuron, and return the result of its first call, or None if this is the first.

        A call that is not the next step of the one before is refused.
        """
        calls = self._calls.setdefault(module, [])
        count = len(calls)
        if count and (self._first[module][0] != signal or not _goes_on(node, calls[-1])):
            raise refusal("NIR411", where, f"call {count + 1} does not continue from the last one with the same input")
        if self._of.get(node.args[0], count) != count:
            raise refusal("NIR411", where, f"call {count + 1} gets a value of step {self._of[node.args[0]]}")
        calls.append(node)
        self.put(node, count)
        return self._first[module][1] if count else None

    def keep(self, module: nn.Module, signal: Signal, value: Any) -> None:
        """Note the input and the result of the first call of a neuron."""
        self._first[module] = signal, value

    def stacked(self, node: Call, values: list[Any]) -> Stacked:
        """Return the values of all steps as one."""
        steps = [self._of.get(part) for part in node.args[0]]
        if steps != list(range(self._last + 1)) or any(value != values[0] for value in values):
            problem = "stack: not the same value of every time step in order"
            raise refusal("NIR403", repr(node.name), problem, "stack one value per step")
        return Stacked(values[0])

    def check_returned(self, node: Call) -> None:
        """Refuse a value of one step that the network returns from its loop."""
        if self._last and not node.is_stack:
            problem = f"a value of step {self._of.get(node, 0)} alone is returned"
            raise refusal("NIR403", repr(node.name), problem, "stack the values of all steps")


def _goes_on(node: Call, before: Call) -> bool:
    """Return True if a call gets the states that the previous one returned, or none at all."""
    passed = [*node.args[1:], *node.kwargs.values()]
    return all(p is before or (isinstance(p, Call) and p.is_item and p.args[0] is before) for p in passed)
