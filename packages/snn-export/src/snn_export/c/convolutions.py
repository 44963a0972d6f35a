"""Convolutions, dense or over nonzero inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from snn_export.c.products import Product, spike_of
from snn_export.c.routine import View

__all__ = ["Axis", "Convolution", "axes_of"]


class Axis(NamedTuple):
    """One axis of images under a kernel or window.

    Args:
        size: Size of the input.
        outs: Size of the output.
        taps: Size of the kernel.
        stride: Steps of the kernel.
        padding: Zeros before the first entry.
        dilation: Distance between the kernel's entries.
    """

    size: int
    outs: int
    taps: int
    stride: int
    padding: int
    dilation: int

    def first(self, out: str, tap: str = "") -> str:
        """Return the place in the input of the kernel's first entry at an output, with an addend."""
        text = (out if self.stride == 1 else f"{out} * {self.stride}") + tap
        return f"{text} - {self.padding}" if self.padding else text

    def under(self, out: str, tap: str) -> str:
        """Return the place in the input of a tap of the kernel at an output."""
        return self.first(out, f" + {tap}" if self.dilation == 1 else f" + {tap} * {self.dilation}")

    def inside(self, name: str) -> list[str]:
        """Return the lines that skip places outside the input, if the kernel reaches any."""
        last = (self.outs - 1) * self.stride + (self.taps - 1) * self.dilation - self.padding
        tests = [f"{name} < 0"] * (self.padding > 0) + [f"{name} >= {self.size}"] * (last >= self.size)
        return [f"if ({' || '.join(tests)}) {{", "continue;", "}"] if tests else []

    def over(self, out: str, place: str, tap: str) -> list[str]:
        """Return the lines that find the output at which a tap meets a place, or skip the tap."""
        text = f"{place} + {self.padding}" if self.padding else place
        text += f" - {tap}" if self.dilation == 1 else f" - {tap} * {self.dilation}"
        if self.stride == 1:
            return [f"const int {out} = {text};", f"if ({out} < 0 || {out} >= {self.outs}) {{", "continue;", "}"]
        tests = f"{out}_from < 0 || {out}_from % {self.stride} != 0 || {out}_from / {self.stride} >= {self.outs}"
        return [
            f"const int {out}_from = {text};",
            f"if ({tests}) {{",
            "continue;",
            "}",
            f"const int {out} = {out}_from / {self.stride};",
        ]


def axes_of(x: View, y: View, taps: Any, stride: Any, padding: Any, dilation: Any) -> tuple[Axis, Axis]:
    """Return rows and columns of images ``[channels, ...]`` under a kernel; sequences are images of one row.

    An option is one number for all axes, or one for each; the padding may also be ``"same"`` or ``"valid"``.

    Example:
        >>> from snn_export.c.routine import Buffer
        >>> x, y = View(Buffer(12), (2, 6)), View(Buffer(4), (1, 4))
        >>> axes_of(x, y, 3, 1, 0, 1)[1]
        Axis(size=6, outs=4, taps=3, stride=1, padding=0, dilation=1)
    """
    sizes, outs = x.shape[1:], y.shape[1:]
    taps, stride, dilation = (_each(option, len(sizes)) for option in (taps, stride, dilation))
    if padding == "same":
        padding = [d * (k - 1) // 2 for k, d in zip(taps, dilation, strict=True)]
    padding = _each(0 if padding == "valid" else padding, len(sizes))
    axes = [Axis(*axis) for axis in zip(sizes, outs, taps, stride, padding, dilation, strict=True)]
    return (axes[0], axes[1]) if len(axes) > 1 else (Axis(1, 1, 1, 1, 0, 1), axes[0])


def _each(value: Any, axes: int) -> tuple[int, ...]:
    """Return an option for each axis."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    return values * axes if len(values) == 1 else values


@dataclass(eq=False)
class Convolution(Product):
    """A convolution of images or sequences."""

    axes: tuple[Axis, Axis] = (Axis(1, 1, 1, 1, 0, 1), Axis(1, 1, 1, 1, 0, 1))
    groups: int = 1

    def laid_out(self, sparse: bool) -> tuple[Tensor, str]:
        return (
            self.weight,
            "[out][in / groups][rows][columns]" if self.weight.dim() > 3 else "[out][in / groups][steps]",
        )

    def multiply_adds(self) -> int:
        return math.prod(self.y.shape[1:]) * self.weight.numel()

    def entry(self, source: str) -> str:
        rows, columns = self.axes
        return f"((o * {self.weight.shape[1]} + {source}) * {rows.taps} + k) * {columns.taps} + l"

    def gathered(self, weight: str, bias: str, x: str, before: Sequence[str] = ()) -> list[str]:
        rows, columns = self.axes
        outputs, inputs = self.weight.shape[:2]
        channel = "i" if self.groups == 1 else f"(o / {outputs // self.groups} * {inputs} + i)"
        place = f"({channel} * {rows.size} + row) * {columns.size} + column"
        return [
            f"for (int o = 0; o < {outputs}; o++) {{",
            f"for (int r = 0; r < {rows.outs}; r++) {{",
            f"for (int c = 0; c < {columns.outs}; c++) {{",
            f"{self.types[1]} sum = {self.start(bias, 'o')};",
            f"for (int i = 0; i < {inputs}; i++) {{",
            f"for (int k = 0; k < {rows.taps}; k++) {{",
            f"const int row = {rows.under('r', 'k')};",
            *rows.inside("row"),
            f"for (int l = 0; l < {columns.taps}; l++) {{",
            f"const int column = {columns.under('c', 'l')};",
            *columns.inside("column"),
            *before,
            f"sum += {self.times(weight, x % place)};",
            *["}"] * 3,
            f"y[(o * {rows.outs} + r) * {columns.outs} + c] = {self.end('sum', bias, 'o')};",
            *["}"] * 3,
        ]

    def over_spikes(self, weight: str, bias: str) -> list[str]:
        rows, columns = self.axes
        outputs, inputs = self.weight.shape[:2]
        of_group = outputs // self.groups
        group: list[str] = []
        channel, each = "channel", f"for (int o = 0; o < {outputs}; o++) {{"
        if self.groups > 1:
            group = [f"const int first = channel / {inputs} * {of_group};"]
            channel, each = f"channel % {inputs}", f"for (int o = first; o < first + {of_group}; o++) {{"
        image = rows.outs * columns.outs
        term = self.times(f"{weight}[{self.entry(channel)}]", "spike")
        return [
            *self.begun(bias, f"o / {image}"),
            f"for (int channel = 0; channel < {inputs * self.groups}; channel++) {{",
            *group,
            f"for (int row = 0; row < {rows.size}; row++) {{",
            f"for (int column = 0; column < {columns.size}; column++) {{",
            *spike_of(self.x.buffer.ctype, f"x0[(channel * {rows.size} + row) * {columns.size} + column]"),
            each,
            f"for (int k = 0; k < {rows.taps}; k++) {{",
            *rows.over("r", "row", "k"),
            f"for (int l = 0; l < {columns.taps}; l++) {{",
            *columns.over("c", "column", "l"),
            f"y[(o * {rows.outs} + r) * {columns.outs} + c] += {term};",
            *["}"] * 6,
            *self.ended(bias, f"o / {image}"),
        ]
