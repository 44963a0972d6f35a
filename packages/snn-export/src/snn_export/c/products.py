"""Weighted sums: linear layers, dense or over nonzero inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from snn_export.c.names import Names
from snn_export.c.routine import Layer, Routine, blocks

__all__ = ["Linear", "Product", "added_over_spikes"]


@dataclass(eq=False)
class Product(Layer):
    """A layer of weighted sums, each of which adds its terms in the order of the inputs to its bias.

    Args:
        weight: Its weights, outputs first.
        bias: Its biases, if it has any.
        types: The types of weights and of sums.
        scale: Factor of integer sums before the bias is added.
    """

    weight: Tensor
    bias: Tensor | None
    types: tuple[str, str] = ("float", "float")
    scale: int = 1

    def routine(self, names: Names) -> Routine:
        sparse = self.x.buffer.spikes
        weight, layout = self.laid_out(sparse)
        arrays = [names.array(self.path, "weight", self.types[0], weight, f"weight {layout}")]
        bias = ""
        if self.bias is not None:
            arrays.append(names.array(self.path, "bias", self.types[1], self.bias, "bias [out]"))
            bias = arrays[1].name
        body = self.over_spikes(arrays[0].name, bias) if sparse else self.dense(arrays[0].name, bias)
        return Routine(self, blocks(*body), arrays, operations=self.multiply_adds())

    @property
    def zero(self) -> str:
        return "0.0f" if self.types[1] == "float" else "0"

    def start(self, bias: str, index: str) -> str:
        """Return the first value of a sum."""
        return f"{bias}[{index}]" if bias and self.scale == 1 else self.zero

    def end(self, total: str, bias: str, index: str) -> str:
        """Return the final value of a sum."""
        if self.scale == 1:
            return total
        return f"{total} * {self.scale} + {bias}[{index}]" if bias else f"{total} * {self.scale}"

    def times(self, weight: str, x: str) -> str:
        """Return a weight times an input, in the type of the sums."""
        return f"{weight} * {x}" if self.types[1] == "float" else f"({self.types[1]}){weight} * {x}"

    def begun(self, bias: str, index: str) -> list[str]:
        """Return the loop that begins all sums."""
        return [f"for (int o = 0; o < {self.writes.size}; o++) {{", f"y[o] = {self.start(bias, index)};", "}"]

    def ended(self, bias: str, index: str) -> list[str]:
        """Return the loop that ends all sums, if anything is left to do."""
        if self.scale == 1:
            return []
        end = self.end("y[o]", bias, index)
        return [f"for (int o = 0; o < {self.writes.size}; o++) {{", f"y[o] = {end};", "}"]

    def laid_out(self, sparse: bool) -> tuple[Tensor, str]:
        """Return the weights in their order in memory, and the names of their axes."""
        raise NotImplementedError

    def multiply_adds(self) -> int:
        """Return the number of products in a step."""
        raise NotImplementedError

    def entry(self, source: str) -> str:
        """Return the index of a weight between the output ``o`` and an input."""
        raise NotImplementedError

    def dense(self, weight: str, bias: str) -> list[str]:
        """Return the lines that read every input."""
        return self.gathered(f"{weight}[{self.entry('i')}]", bias, "x0[%s]")

    def gathered(self, weight: str, bias: str, x: str, before: Sequence[str] = ()) -> list[str]:
        """Return the lines that compute each output from its inputs; ``%s`` in ``x`` is the place of an input."""
        raise NotImplementedError

    def over_spikes(self, weight: str, bias: str) -> list[str]:
        """Return the lines that skip inputs that are zero."""
        raise NotImplementedError


class Linear(Product):
    """A linear layer over the last axis."""

    @property
    def _sizes(self) -> tuple[int, int, int]:
        outputs, inputs = self.weight.shape
        return math.prod(self.x.shape[:-1]), outputs, inputs

    def laid_out(self, sparse: bool) -> tuple[Tensor, str]:
        return (self.weight.t(), "[in][out]") if sparse else (self.weight, "[out][in]")

    def multiply_adds(self) -> int:
        return math.prod(self._sizes)

    def entry(self, source: str) -> str:
        return f"o * {self.weight.shape[1]} + {source}"

    def gathered(self, weight: str, bias: str, x: str, before: Sequence[str] = ()) -> list[str]:
        rows, outputs, inputs = self._sizes
        return [
            *_each_row(rows),
            f"for (int o = 0; o < {outputs}; o++) {{",
            f"{self.types[1]} sum = {self.start(bias, 'o')};",
            f"for (int i = 0; i < {inputs}; i++) {{",
            *before,
            f"sum += {self.times(weight, x % f'{_in_row(rows, inputs)}i')};",
            "}",
            f"y[{_in_row(rows, outputs)}o] = {self.end('sum', bias, 'o')};",
            "}",
            *["}"] * (rows > 1),
        ]

    def over_spikes(self, weight: str, bias: str) -> list[str]:
        rows, outputs, _ = self._sizes
        index = "o" if rows == 1 else f"o % {outputs}"
        term = self.times(f"{weight}[i * {outputs} + o]", "spike")
        return [
            *self.begun(bias, index),
            *added_over_spikes("y", "x0", self._sizes, term, self.x.buffer.ctype),
            *self.ended(bias, index),
        ]


def added_over_spikes(sums: str, x: str, sizes: tuple[int, int, int], term: str, ctype: str = "float") -> list[str]:
    """Return the lines that add products to sums, for the nonzero inputs.

    Args:
        sums: The sums, ``[rows][out]``.
        x: The inputs, ``[rows][in]``.
        sizes: Numbers of rows, outputs and inputs.
        term: The product of a weight and ``spike``, of input ``i`` for output ``o``.
        ctype: The type of an input.
    """
    rows, outputs, inputs = sizes
    return [
        *_each_row(rows),
        f"for (int i = 0; i < {inputs}; i++) {{",
        *spike_of(ctype, f"{x}[{_in_row(rows, inputs)}i]"),
        f"for (int o = 0; o < {outputs}; o++) {{",
        f"{sums}[{_in_row(rows, outputs)}o] += {term};",
        *["}"] * (2 + (rows > 1)),
    ]


def spike_of(ctype: str, x: str) -> list[str]:
    """Return the lines that read an input and skip it if it is zero."""
    zero = "0.0f" if ctype == "float" else "0"
    return [f"const {ctype} spike = {x};", f"if (spike == {zero}) {{", "continue;", "}"]


def _each_row(rows: int) -> list[str]:
    return [f"for (int row = 0; row < {rows}; row++) {{"] if rows > 1 else []


def _in_row(rows: int, size: int) -> str:
    return f"row * {size} + " if rows > 1 else ""
