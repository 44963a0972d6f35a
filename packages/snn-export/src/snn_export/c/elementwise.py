"""Element-wise layers: programs of instructions that run for each number of a tensor."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import torch
from torch import Tensor

from snn_export.c.arrays import Array, number
from snn_export.c.expressions import Lines
from snn_export.c.names import KEYWORDS, Names, comment, taken
from snn_export.c.routine import Refusal, blocks

__all__ = ["Loop", "index"]

# names that a local variable must not have
_TAKEN = [*KEYWORDS, "state", "asm", "near", "far"]
_OURS = re.compile(r"[vxyti]\d*|[a-z0-9]+f|.*_t")


def index(shape: Sequence[int], whole: Sequence[int]) -> str | None:
    """Return the C index into a tensor for the i-th number of a tensor that it broadcasts to; None if no formula fits.

    Example:
        >>> index((4, 3), (4, 3)), index((4, 1, 1), (4, 3, 3)), index((3,), (4, 3)), index((), (4, 3))
        ('i', 'i / 9', 'i % 3', '0')
    """
    padded = (1,) * (len(whole) - len(shape)) + tuple(shape)
    own = [axis for axis, size in enumerate(padded) if size > 1]
    if not own:
        return "0"
    first, last = own[0], own[-1]
    if any(padded[axis] != whole[axis] for axis in range(first, last + 1)):
        return None
    inner, count = math.prod(whole[last + 1 :]), math.prod(whole[first : last + 1])
    text = f"i / {inner}" if inner > 1 else "i"
    return text if math.prod(whole[:first]) == 1 else f"{text} % {count}"


class Loop:
    """A loop over the numbers of a tensor, to which inputs and outputs are added."""

    def __init__(self, shape: Sequence[int], path: str, names: Names) -> None:
        self.shape: tuple[int, ...] = tuple(shape)
        self.arrays: list[Array] = []
        self.lines: Lines = Lines()
        self._path = path
        self._names = names
        self._before: list[str] = []
        self._loads: list[str] = []
        self._stores: list[str] = []
        self._locals: set[str] = set()

    def load(self, pointer: str, what: str, shape: Sequence[int] | None = None) -> str:
        """Read a number of an array in every iteration, and return the local variable."""
        place = index(self.shape if shape is None else shape, self.shape)
        if place is None:
            raise Refusal(f"{what} of shape {tuple(shape or ())} is broadcast along an axis between others")
        return self.load_at(pointer, place, what)

    def load_at(self, pointer: str, place: str, what: str) -> str:
        """Read a number of an array at an index, an expression of ``i``."""
        name = self._local(what)
        self._loads.append(f"const float {name} = {pointer}[{place}];")
        return name

    def line(self, text: str) -> None:
        """Add a line to every iteration, before any computation."""
        self._loads.append(text)

    def constant(self, what: str, value: Tensor) -> str:
        """Read a constant that broadcasts to the tensor, and return the local variable."""
        value = value.detach().to(torch.float32)
        while value.dim() > len(self.shape) and value.shape[0] == 1:  # the axis of the batch
            value = value.squeeze(0)
        if value.numel() == 1:
            try:
                literal = number(float(value))
            except ValueError as error:
                raise Refusal(f"{what}: {error}") from None
            name = self._local(what)
            self._before.append(f"const float {name} = {literal};")
            return name
        padded = value.reshape((1,) * (len(self.shape) - value.dim()) + tuple(value.shape))
        if index(padded.shape, self.shape) is None:
            padded = padded.expand(self.shape)
        sizes = "][".join(map(str, value.shape))
        array = self._names.array(self._path, what, "float", padded, f"{comment(what)} [{sizes}]")
        self.arrays.append(array)
        return self.load(array.name, what, padded.shape)

    def store(self, pointer: str, value: str) -> None:
        """Write a number of an array in every iteration, after all are computed."""
        self._stores.append(f"{pointer}[i] = {value};")

    def body(self) -> list[str]:
        """Return the lines of the loop."""
        head = f"for (int i = 0; i < {math.prod(self.shape)}; i++) {{"
        return blocks(*self._before, head, *self._loads, *self.lines.text, *self._stores, "}")

    def _local(self, what: str) -> str:
        plain = re.sub(r"[^a-z0-9]+", "_", what.lower())[:40].strip("_")
        if not plain[:1].isalpha() or plain in _TAKEN or _OURS.fullmatch(plain):
            plain = f"the_{plain}"
        return taken(plain, self._locals)
