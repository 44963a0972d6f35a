"""A ``forward`` with a loop over time: which step every value belongs to."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import fx, nn

from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Signal

__all__ = ["Stacked", "Steps", "is_item", "is_stack", "reads_steps"]


class Stacked(NamedTuple):
    """A value of every step, one behind the other."""

    each: Any


def is_item(node: fx.Node) -> bool:
    """Whether a call takes one of several values."""
    return node.op == "call_function" and getattr(node.target, "__name__", "") == "getitem"


def is_stack(node: fx.Node) -> bool:
    """Whether a call puts the values of all steps on a new first axis."""
    return node.op == "call_function" and node.target is torch.stack and not (node.args[1:] or node.kwargs.get("dim"))


def reads_steps(node: fx.Node) -> bool:
    """Whether an input is ``[T, batch, ...]``, of which the network takes step by step."""
    return bool(node.users) and all(is_item(u) and isinstance(u.args[1], int) for u in node.users)


class Steps:
    """The step of every value of a trace, and how often each neuron was called.

    A loop is a time step many times over: every neuron goes on from its own last state and gets the same value in every
    step, each of its step. The graph has it once.
    """

    def __init__(self) -> None:
        self._of: dict[fx.Node, int] = {}
        self._calls: dict[nn.Module, list[fx.Node]] = {}
        self._first: dict[nn.Module, tuple[Signal, Any]] = {}
        self._last = 0

    def put(self, node: fx.Node, step: int) -> None:
        """Say which step a value is of."""
        self._of[node] = step
        self._last = max(self._last, step)

    def infer(self, node: fx.Node) -> None:
        """Take the step of a value from what it is computed from.

        Raises:
            NIRError: ``NIR411`` if that is of more than one step.
        """
        found = {self._of[n] for n in node.all_input_nodes if n in self._of}
        if len(found) > 1:
            raise refusal("NIR411", repr(node.name), f"values of the steps {sorted(found)} are combined")
        for step in found:
            self._of[node] = step

    def call(self, module: nn.Module, node: fx.Node, signal: Signal, where: str) -> Any:
        """Count a call of a neuron.

        Args:
            module: The neuron.
            node: The call.
            signal: Its input.
            where: The neuron, for the error.

        Returns:
            What its first call gave, or None if this is it.

        Raises:
            NIRError: ``NIR411`` if this call is not the next step of the one before.
        """
        calls = self._calls.setdefault(module, [])
        count = len(calls)
        given: Any = node.args[0]
        if count and (self._first[module][0] != signal or not _goes_on(node, calls[-1])):
            raise refusal("NIR411", where, f"call {count + 1} does not go on from the last one with the same input")
        if self._of.get(given, count) != count:
            raise refusal("NIR411", where, f"call {count + 1} gets a value of step {self._of[given]}")
        calls.append(node)
        self.put(node, count)
        return self._first[module][1] if count else None

    def keep(self, module: nn.Module, signal: Signal, value: Any) -> None:
        """Note what the first call of a neuron took and gave."""
        self._first[module] = signal, value

    def stacked(self, node: fx.Node, values: list[Any]) -> Stacked:
        """The values of all steps as one.

        Raises:
            NIRError: ``NIR403`` if they are not the same value of all steps in turn.
        """
        parts: Any = node.args[0]
        steps = [self._of.get(part) for part in parts]
        if steps != list(range(self._last + 1)) or any(value != values[0] for value in values):
            raise refusal("NIR403", repr(node.name), "stack: not one value of all time steps in turn", "return it")
        return Stacked(values[0])

    def check_returned(self, node: fx.Node) -> None:
        """Refuse a value of one step that the network returns from its loop.

        Raises:
            NIRError: ``NIR403``.
        """
        if self._last and not is_stack(node):
            found = f"a value of step {self._of.get(node, 0)} alone is returned"
            raise refusal("NIR403", repr(node.name.removeprefix("net_net_")), found, "stack the values of all steps")


def _goes_on(node: fx.Node, before: fx.Node) -> bool:
    """Whether a call is passed the states that the one before returned, or none at all."""
    passed = [*node.args[1:], *node.kwargs.values()]
    return all(isinstance(p, fx.Node) and is_item(p) and p.args[0] is before for p in passed)
