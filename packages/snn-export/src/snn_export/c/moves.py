"""Layers that move numbers without computing: concatenation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from snn_export.c.names import Names
from snn_export.c.routine import Layer, Routine, blocks

__all__ = ["Concatenation"]


@dataclass(eq=False)
class Concatenation(Layer):
    """A concatenation of tensors along an axis."""

    axis: int

    def routine(self, names: Names) -> Routine:
        lines, first = [], 0
        row = math.prod(self.y.shape[self.axis :])
        for part in self.xs:
            count = math.prod(part.shape[self.axis :])
            source = f"x{self.reads.index(part.buffer)}"
            start = f"{first} + " if first else ""
            to = f"i / {count} * {row} + {start}i % {count}" if part.buffer.size > count else f"{start}i"
            lines += [f"for (int i = 0; i < {part.buffer.size}; i++) {{", f"y[{to}] = {source}[i];", "}"]
            first += count
        return Routine(self, blocks(*lines))
