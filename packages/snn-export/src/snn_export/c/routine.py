"""The parts of the source: values that lie in memory, and functions of C that compute one from others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from snn_export.c.arrays import BYTES, Array

__all__ = ["Buffer", "Field", "Layer", "Refusal", "Routine", "View", "blocks"]


class Refusal(ValueError):
    """Why a net cannot be written in C."""


@dataclass(eq=False)
class Buffer:
    """Numbers of one step that lie together.

    Args:
        size: How many.
        ctype: The type of each.
        spikes: Whether they are spikes, most of them zero.
        place: The pointer to the first one, as an expression; empty until it is laid out.
        meaning: What they are, for the reader.
    """

    size: int
    ctype: str = "float"
    spikes: bool = False
    place: str = ""
    meaning: str = ""

    @property
    def bytes(self) -> int:
        """The bytes that it takes."""
        return self.size * BYTES[self.ctype]


class View(NamedTuple):
    """A buffer as a tensor of one sample, row-major."""

    buffer: Buffer
    shape: tuple[int, ...]


class Field(NamedTuple):
    """A member of the state: an array, or a number where ``size`` is 0."""

    name: str
    ctype: str
    size: int
    meaning: str

    @property
    def bytes(self) -> int:
        """The bytes that it takes."""
        return max(self.size, 1) * BYTES[self.ctype]


@dataclass(eq=False)
class Routine:
    """A function of C that computes what one layer gives in a step.

    Its parameters are ``x0``, ``x1``, ... for what it reads, ``y`` for what it writes, ``t0``, ... for memory that it
    needs meanwhile, and ``state``.

    Args:
        path: The layer's path in the net.
        kind: What the layer is.
        reads: What it reads.
        writes: What it writes.
        body: Its lines.
        arrays: The constants that it reads.
        fields: Its part of the state.
        temporaries: Memory that it needs meanwhile.
        operations: How many multiply-adds and element-wise operations it takes, zeros not skipped.
        in_place: Whether it may write over what it reads, number by number.
    """

    path: str
    kind: str
    reads: Sequence[Buffer]
    writes: Buffer
    body: list[str]
    arrays: list[Array] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    temporaries: Sequence[Buffer] = ()
    operations: int = 0
    in_place: bool = False
    name: str = ""

    @property
    def where(self) -> str:
        """The layer, for messages."""
        return f"{self.path!r} ({self.kind})" if self.path else self.kind

    @property
    def flash(self) -> int:
        """The bytes of its constants."""
        return sum(array.bytes for array in self.arrays)

    def parameters(self, net: str) -> list[str]:
        """Return the declarations of what it is called with, in a net called so."""
        reads = [f"const {buffer.ctype} *x{k}" for k, buffer in enumerate(self.reads)]
        temporaries = [f"{buffer.ctype} *t{k}" for k, buffer in enumerate(self.temporaries)]
        return [*reads, f"{self.writes.ctype} *y", *temporaries, *[f"{net}_state *state"] * bool(self.fields)]

    def arguments(self) -> list[str]:
        """Return what it is called with."""
        buffers = (*self.reads, self.writes, *self.temporaries)
        return [*(buffer.place for buffer in buffers), *["state"] * bool(self.fields)]


@dataclass(eq=False)
class Layer:
    """A layer that computes one value from one.

    Args:
        path: Its path.
        kind: What it is.
        x: What it reads.
        y: What it writes.
    """

    path: str
    kind: str
    x: View
    y: View

    @property
    def reads(self) -> tuple[Buffer, ...]:
        """The values that it reads."""
        return (self.x.buffer,)

    @property
    def writes(self) -> Buffer:
        """The value that it writes."""
        return self.y.buffer


def blocks(*lines: str) -> list[str]:
    r"""Indent lines of C by their braces, a line that ends with one opening a block.

    Example:
        >>> print("\n".join(blocks("for (;;) {", "if (x) {", "break;", "}", "}")))
        for (;;) {
            if (x) {
                break;
            }
        }
    """
    depth, out = 0, []
    for line in lines:
        depth -= line.startswith("}")
        out.append("    " * depth + line)
        depth += line.endswith("{")
    return out


def numbers(shape: Sequence[int]) -> int:
    """Return how many numbers a tensor of a shape has."""
    return math.prod(shape)
