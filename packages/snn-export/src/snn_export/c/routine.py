"""The parts of the source: values in memory, and C functions that compute one value from others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from snn_export.c.arrays import BYTES, Array
from snn_export.c.names import Names

__all__ = ["Buffer", "Field", "Layer", "Refusal", "Routine", "View", "blocks", "place_of"]


class Refusal(ValueError):
    """Error for a net that cannot be written in C, with the reason."""


@dataclass(eq=False)
class Buffer:
    """Numbers of one step that are together in memory.

    Args:
        size: Count of the numbers.
        ctype: Type of each number.
        spikes: True if they are spikes, most of which are zero.
        place: The pointer to the first one, as an expression; empty until it is laid out.
        meaning: Their meaning, for the reader.
    """

    size: int
    ctype: str = "float"
    spikes: bool = False
    place: str = ""
    meaning: str = ""


class View(NamedTuple):
    """A buffer as a tensor of one sample, row-major."""

    buffer: Buffer
    shape: tuple[int, ...]


class Field(NamedTuple):
    """A member of the state: an array, or a number if ``size`` is 0."""

    name: str
    ctype: str
    size: int
    meaning: str

    @property
    def bytes(self) -> int:
        """The bytes that it takes."""
        return max(self.size, 1) * BYTES[self.ctype]


@dataclass(eq=False)
class Layer:
    """A layer, which computes one value from others; ``path`` is its path in the net, ``kind`` its class."""

    path: str
    kind: str
    xs: Sequence[View]
    y: View

    @property
    def x(self) -> View:
        """The value that it reads, if that is only one."""
        return self.xs[0]

    @property
    def reads(self) -> tuple[Buffer, ...]:
        """The memory that it reads."""
        return tuple(dict.fromkeys(x.buffer for x in self.xs))

    @property
    def writes(self) -> Buffer:
        """The memory that it writes."""
        return self.y.buffer

    def routine(self, names: Names) -> Routine:
        """Return its C function."""
        raise NotImplementedError


@dataclass(eq=False)
class Routine:
    """A C function that computes the output of one layer in a step.

    Its parameters are ``x0``, ``x1``, ... for its inputs, ``y`` for its output, ``t0``, ... for temporary memory, and
    ``state``.

    Args:
        layer: The layer.
        body: Its lines.
        arrays: The constants that it reads.
        fields: Its part of the state.
        temporaries: Memory that it needs temporarily.
        operations: Count of its multiply-adds and element-wise operations, if no zero is skipped.
        in_place: True if it may overwrite its input, number by number.
    """

    layer: Layer
    body: list[str]
    arrays: list[Array] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    temporaries: Sequence[Buffer] = ()
    operations: int = 0
    in_place: bool = False
    name: str = ""

    def parameters(self, net: str) -> list[str]:
        """Return the declarations of its parameters, in a net of this name."""
        reads = [f"const {buffer.ctype} *x{k}" for k, buffer in enumerate(self.layer.reads)]
        temporaries = [f"{buffer.ctype} *t{k}" for k, buffer in enumerate(self.temporaries)]
        return [*reads, f"{self.layer.writes.ctype} *y", *temporaries, *[f"{net}_state *state"] * bool(self.fields)]

    def arguments(self) -> list[str]:
        """Return the arguments of a call."""
        buffers = (*self.layer.reads, self.layer.writes, *self.temporaries)
        return [*(buffer.place for buffer in buffers), *["state"] * bool(self.fields)]


def blocks(*lines: str) -> list[str]:
    """Indent lines of C by their braces, a line that ends with one opening a block."""
    depth, out = 0, []
    for line in lines:
        depth -= line.startswith("}")
        out.append("    " * depth + line)
        depth += line.endswith("{")
    return out


def place_of(path: str, kind: str) -> str:
    """Return the name of a layer in messages."""
    return f"{path!r} ({kind})" if path else kind
