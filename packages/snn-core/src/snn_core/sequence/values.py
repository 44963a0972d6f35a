"""The values of a net in all steps while a plan runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from snn_core.engines.fused import repeated
from snn_core.graph.folding import Folding
from snn_core.graph.steps import Step


class Values:
    """The values of all steps by number: as rows, as a sequence ``[T, batch, ...]``, or as a list of steps.

    A value is kept in the form in which it was computed, and in those in which it was used.

    Args:
        xs: The input ``[T, batch, ...]``.
        folding: The order of the rows.
        unchanging: The values of one step by number, where they are the same in every step.
        fixed: The numbers of values that are not of a step.
        are_seen: True if something sees the rows, and may ask for their gradients, so that nothing may use another
            form of them.
    """

    def __init__(
        self, xs: Tensor, folding: Folding, unchanging: Mapping[int, Any], fixed: frozenset[int], are_seen: bool
    ) -> None:
        self.folding = folding
        self.batch: int = xs.shape[1] if xs.dim() > 1 else 1
        self._rows: dict[int, Any] = {}
        self._sequences: dict[int, Any] = {}
        self._steps: dict[int, Sequence[Any]] = {}
        self._unchanging, self._fixed = unchanging, fixed
        self._are_seen = are_seen
        self._by_rows = are_seen or folding.order is not None
        self._count: int | None = None  # of rows, where samples have different lengths
        if self._by_rows:
            self._rows[0] = folding.fold(xs)
            self._count = self._rows[0].shape[0]
        elif not unchanging:
            self._sequences[0] = xs

    def rows_of(self, numbers: Iterable[int]) -> dict[int, Any]:
        """Return values as rows; a value that is the same in every step is expanded."""
        for number in numbers:
            if number not in self._rows:
                self._rows[number] = self._as_rows(number)
        return self._rows

    def _as_rows(self, number: int) -> Any:
        value = self._unchanging.get(number)
        if number in self._fixed or not isinstance(value, Tensor | None):
            return value
        if number not in self._steps:
            return self.sequence(number).flatten(0, 1)
        steps, running = self._steps[number], self.folding.running
        if running is not None and [len(step) for step in steps] != list(running):
            raise ValueError(
                "unroll: lengths needs calls that return one row per sample, but one returns "
                f"{[len(step) for step in steps]} rows where {list(running)} samples run; pass sequences of one length"
            )
        return torch.cat(list(steps))

    def sequence(self, number: int) -> Tensor:
        """Return a value as ``[T, batch, ...]``."""
        if number in self._sequences:
            return self._sequences[number]
        if number in self._unchanging:
            return repeated(self._unchanging[number], self.folding.steps)
        if number in self._steps:
            self._sequences[number] = torch.stack(list(self._steps[number]))
            return self._sequences[number]
        rows, steps = self._rows[number], self.folding.steps
        return rows.unflatten(0, (steps, rows.shape[0] // steps))

    def steps(self, number: int) -> Sequence[Any]:
        """Return a value as a list of steps."""
        if number in self._steps:
            return self._steps[number]
        if number in self._fixed:
            return [self.rows_of((number,))[number]] * self.folding.steps
        if number in self._sequences:
            return self._sequences[number].unbind(0)
        return self.folding.each(self.rows_of((number,))[number])

    def add(self, step: Step, form: Literal["rows", "sequence"], out: Any) -> Any:
        """Add the results of a call in a form, and return them in the form in which they are added."""
        if form == "sequence" and self._by_rows:
            form, out = "rows", self.folding.rows(out)
        (self._rows if form == "rows" else self._sequences).update(by_number(step, out))
        return out

    def add_steps(self, number: int, steps: Sequence[Any]) -> None:
        """Add a value as a list of steps."""
        shapes = {tuple(step.shape[1:]) if self._by_rows else tuple(step.shape) for step in steps if step is not None}
        if len(shapes) > 1:
            raise ValueError(
                f"unroll: a function returns tensors of different shapes in different steps, {sorted(shapes)}; pass "
                "schedule='steps'"
            )
        self._steps[number] = steps

    def seen(self, number: int) -> Any:
        """Return a value as rows for those who watch, if any do."""
        return self.rows_of((number,))[number] if self._are_seen else None

    def drop(self, number: int) -> None:
        """Forget a value that nothing needs any more."""
        for form in (self._rows, self._sequences, self._steps):
            form.pop(number, None)

    def output(self, number: int) -> Any:
        """Return an output of the net, ``[T, batch, ...]``."""
        if self.folding.order is None and (number in self._sequences or number in self._steps):
            return self.sequence(number)
        return self.folding.outputs(self.rows_of((number,))[number], self._count)


def by_number(step: Step, out: Any) -> Iterator[tuple[int, Any]]:
    """Return the results of a call by number."""
    return zip(step.places, (tree_leaves(out) if step.several else (out,)) if step.places else (), strict=True)
