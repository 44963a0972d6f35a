"""Layers that move numbers without computing: concatenation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from snn_export.c.names import Names
from snn_export.c.routine import Buffer, Routine, View, blocks

__all__ = ["Concatenation"]


@dataclass(eq=False)
class Concatenation:
    """A concatenation of tensors along an axis."""

    path: str
    kind: str
    parts: Sequence[View]
    y: View
    axis: int

    @property
    def reads(self) -> tuple[Buffer, ...]:
        return tuple(dict.fromkeys(part.buffer for part in self.parts))

    @property
    def writes(self) -> Buffer:
        return self.y.buffer

    def routine(self, names: Names) -> Routine:
        """Return the C function."""
        lines, first = [], 0
        row = math.prod(self.y.shape[self.axis :])
        for part in self.parts:
            count = math.prod(part.shape[self.axis :])
            source = f"x{self.reads.index(part.buffer)}"
            start = f"{first} + " if first else ""
            to = f"i / {count} * {row} + {start}i % {count}" if part.buffer.size > count else f"{start}i"
            lines += [f"for (int i = 0; i < {part.buffer.size}; i++) {{", f"y[{to}] = {source}[i];", "}"]
            first += count
        return Routine(self.path, self.kind, self.reads, self.writes, blocks(*lines))
