"""Pooling: the largest, the mean or the sum of windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snn_export.c.convolutions import Axis
from snn_export.c.names import Names
from snn_export.c.routine import Layer, Routine, blocks

__all__ = ["Pool", "Reduction"]


@dataclass(eq=False)
class Pool(Layer):
    """A pooling layer of images or sequences.

    Args:
        axes: Its rows and columns; ``taps`` is 0 if windows divide the input among the outputs.
        largest: True for the largest number, False for the mean.
        padded: True if a mean counts zeros of the padding.
        divisor: Divisor of sums, if it is not the number of their terms.
    """

    axes: tuple[Axis, Axis]
    largest: bool
    padded: bool = True
    divisor: int | None = None

    def routine(self, names: Names) -> Routine:
        rows, columns = self.axes
        ctype = self.x.buffer.ctype
        whole: list[str] = []  # lines that see the window before the padding is cut off
        if self.largest:
            nan = " || value != value" if ctype == "float" else ""
            begin = ["int any = 0;", f"{ctype} most = 0;"]
            each, result = [f"if (!any || value > most{nan}) {{", "most = value;", "}", "any = 1;"], "most"
        else:
            count = "(float)((row_1 - row_0) * (column_1 - column_0))"
            if self.divisor is not None:
                count = f"(float){self.divisor}"
            elif rows.taps and self.padded:
                whole, count = [f"const float count = {count};"], "count"
            begin, each = ["float sum = 0.0f;"], ["sum += value;"]
            result = "sum" if self.divisor == 1 else f"sum / {count}"
        body = blocks(
            f"for (int channel = 0; channel < {self.x.shape[0]}; channel++) {{",
            f"for (int r = 0; r < {rows.outs}; r++) {{",
            f"for (int c = 0; c < {columns.outs}; c++) {{",
            *_windows(self.axes, whole),
            *begin,
            f"for (int row = row_0; row < row_1; {_next('row', rows)}) {{",
            f"for (int column = column_0; column < column_1; {_next('column', columns)}) {{",
            f"const {ctype} value = x0[(channel * {rows.size} + row) * {columns.size} + column];",
            *each,
            *["}"] * 2,
            f"y[(channel * {rows.outs} + r) * {columns.outs} + c] = {result};",
            *["}"] * 3,
        )
        taps = [axis.taps or -(-axis.size // axis.outs) for axis in self.axes]
        return Routine(self, body, operations=self.writes.size * taps[0] * taps[1])


def _next(name: str, axis: Axis) -> str:
    return f"{name}++" if axis.dilation == 1 else f"{name} += {axis.dilation}"


def _windows(axes: tuple[Axis, Axis], whole: Sequence[str]) -> list[str]:
    """Return the lines that find the beginning and end of a window, and run others before the padding is cut off."""
    lines, cuts = [], []
    for axis, name, out in zip(axes, ("row", "column"), ("r", "c"), strict=True):
        if not axis.taps:  # the input is divided among the outputs
            lines += [f"const int {name}_0 = {out} * {axis.size} / {axis.outs};"]
            lines += [f"const int {name}_1 = (({out} + 1) * {axis.size} + {axis.outs - 1}) / {axis.outs};"]
            continue
        reach, end, step = (axis.taps - 1) * axis.dilation + 1, axis.size + axis.padding, axis.dilation
        last = f"{name}_0 + {reach}"
        ends_inside = (axis.outs - 1) * axis.stride + reach <= end + axis.padding
        lines += [f"int {name}_0 = {axis.first(out)};"]
        lines += [f"int {name}_1 = {last};" if ends_inside else f"int {name}_1 = {last} < {end} ? {last} : {end};"]
        if axis.padding:
            first = "0" if step == 1 else f"({step} - -{name}_0 % {step}) % {step}"
            cuts += [f"{name}_0 = {name}_0 < 0 ? {first} : {name}_0;"]
            cuts += [f"{name}_1 = {name}_1 < {axis.size} ? {name}_1 : {axis.size};"]
    return [*lines, *whole, *cuts]


@dataclass(eq=False)
class Reduction(Layer):
    """The sum, mean or maximum over the last axes."""

    def routine(self, names: Names) -> Routine:
        outs, of_each = self.writes.size, self.x.buffer.size // self.writes.size
        if self.kind == "amax":
            first, step, end = f"x0[o * {of_each}]", "total = value > total || value != value ? value : total;", "total"
        else:
            first, step = "0.0f", "total += value;"
            end = "total" if self.kind == "sum" else f"total / {of_each}.0f"
        body = blocks(
            f"for (int o = 0; o < {outs}; o++) {{",
            f"float total = {first};",
            f"for (int i = 0; i < {of_each}; i++) {{",
            f"const float value = x0[o * {of_each} + i];",
            step,
            "}",
            f"y[o] = {end};",
            "}",
        )
        return Routine(self, body, operations=self.x.buffer.size)
