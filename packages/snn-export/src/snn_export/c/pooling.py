"""Pooling: the largest, the mean or the sum of windows."""

from __future__ import annotations

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
        body = blocks(
            f"for (int channel = 0; channel < {self.x.shape[0]}; channel++) {{",
            f"for (int r = 0; r < {rows.outs}; r++) {{",
            f"for (int c = 0; c < {columns.outs}; c++) {{",
            *(self._maximum() if self.largest else self._mean()),
            *["}"] * 3,
        )
        taps = [axis.taps or -(-axis.size // axis.outs) for axis in self.axes]
        return Routine(self, body, operations=self.writes.size * taps[0] * taps[1])

    def _maximum(self) -> list[str]:
        rows, columns = self.axes
        ctype = self.x.buffer.ctype
        nan = " || value != value" if ctype == "float" else ""
        if not rows.taps:
            return [
                *_windows(self.axes),
                f"{ctype} most = x0[(channel * {rows.size} + row_0) * {columns.size} + column_0];",
                *self._each(f"if (value > most{nan}) {{", "most = value;", "}"),
                *self._write("most"),
            ]
        return [
            "int any = 0;",
            f"{ctype} most = 0;",
            f"for (int k = 0; k < {rows.taps}; k++) {{",
            f"const int row = {rows.under('r', 'k')};",
            *rows.inside("row"),
            f"for (int l = 0; l < {columns.taps}; l++) {{",
            f"const int column = {columns.under('c', 'l')};",
            *columns.inside("column"),
            f"const {ctype} value = x0[(channel * {rows.size} + row) * {columns.size} + column];",
            f"if (!any || value > most{nan}) {{",
            "most = value;",
            "}",
            "any = 1;",
            *["}"] * 2,
            *self._write("most"),
        ]

    def _mean(self) -> list[str]:
        window = "(float)((row_1 - row_0) * (column_1 - column_0))"
        before = []
        if self.axes[0].taps and self.padded and self.divisor is None:
            before = [f"const float count = {window};"]  # the width including the padding
        divisor = f"(float){self.divisor}" if self.divisor is not None else "count" if before else window
        return [
            *_windows(self.axes, before),
            "float sum = 0.0f;",
            *self._each("sum += value;"),
            *self._write("sum" if self.divisor == 1 else f"sum / {divisor}"),
        ]

    def _each(self, *lines: str) -> list[str]:
        """Return the loop over the numbers of a window."""
        rows, columns = self.axes
        return [
            "for (int row = row_0; row < row_1; row++) {",
            "for (int column = column_0; column < column_1; column++) {",
            f"const {self.x.buffer.ctype} value = x0[(channel * {rows.size} + row) * {columns.size} + column];",
            *lines,
            *["}"] * 2,
        ]

    def _write(self, value: str) -> list[str]:
        rows, columns = self.axes
        return [f"y[(channel * {rows.outs} + r) * {columns.outs} + c] = {value};"]


def _windows(axes: tuple[Axis, Axis], before: list[str] | None = None) -> list[str]:
    """Return the lines that find the beginning and end of a window, and run others before the padding is cut off."""
    lines, cuts = [], []
    for axis, name, out in zip(axes, ("row", "column"), ("r", "c"), strict=True):
        if not axis.taps:  # the input is divided among the outputs
            lines += [f"const int {name}_0 = {out} * {axis.size} / {axis.outs};"]
            lines += [f"const int {name}_1 = (({out} + 1) * {axis.size} + {axis.outs - 1}) / {axis.outs};"]
            continue
        lines += [f"int {name}_0 = {axis.first(out)};"]
        end = axis.size + axis.padding
        lines += [f"int {name}_1 = {name}_0 + {axis.taps} < {end} ? {name}_0 + {axis.taps} : {end};"]
        cuts += [f"{name}_0 = {name}_0 < 0 ? 0 : {name}_0;"] if axis.padding else []
        cuts += [f"{name}_1 = {name}_1 < {axis.size} ? {name}_1 : {axis.size};"] if axis.padding else []
    return [*lines, *(before or []), *cuts]


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
