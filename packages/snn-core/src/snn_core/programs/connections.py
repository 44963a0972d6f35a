"""Connections inside a step: linear layers of the input or of the previous state, ahead of the step's instructions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

Linear = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Connection:
    """A linear layer whose output is an input of one step.

    Args:
        sources: Names of the inputs: the step's input or fields of the state; several are joined along the last axis.
        inputs: Names of the outputs: one input of the step, or several that are equal parts of the last axis.
        weight: Path of the weight in the neuron.
        bias: Path of the bias, if there is one.

    Example:
        >>> gates = Connection(("mem",), ("c0.0", "c0.1"), "weight")
        >>> print(gates)
          c0.0, c0.1 = linear(mem, weight)
        >>> out = gates({"mem": torch.ones(1, 2)}, {"weight": torch.tensor([[1.0, 1.0], [2.0, 2.0]])})
        >>> gates.parts(out)
        [tensor([[2.]]), tensor([[4.]])]
    """

    sources: tuple[str, ...]
    inputs: tuple[str, ...]
    weight: str
    bias: str | None = None

    def __str__(self) -> str:
        read = ", ".join((*self.sources, self.weight, *filter(None, (self.bias,))))
        return f"  {', '.join(self.inputs)} = linear({read})"

    def renamed(self, names: Mapping[str, str]) -> Connection:
        """Return the same connection with some inputs and outputs renamed, given the new names by the old ones."""
        sources, inputs = (tuple(names.get(name, name) for name in each) for each in (self.sources, self.inputs))
        return replace(self, sources=sources, inputs=inputs)

    @property
    def of_input(self) -> bool:
        """True if it reads only the neuron's input, so that it can be computed for all steps at once."""
        return self.sources in (("x",), ("input",))

    def __call__(
        self, values: Mapping[str, Tensor], constants: Mapping[str, Tensor], linear: Linear = F.linear
    ) -> Tensor:
        """Return the output.

        Args:
            values: The input and states by name, with any number of axes.
            constants: The constants by path.
            linear: Function that computes the products; an engine's is faster than torch's.
        """
        bias = None if self.bias is None else constants[self.bias]
        return linear(self.source(values), constants[self.weight], bias)

    def source(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the concatenated input, given the neuron's input and states by name."""
        first, *more = self.sources
        return torch.cat([values[name] for name in self.sources], -1) if more else values[first]

    def parts(self, out: Tensor) -> list[Tensor]:
        """Return the parts of the output, each dense."""
        if len(self.inputs) == 1:
            return [out]
        return [*out.unflatten(-1, (len(self.inputs), -1)).movedim(-2, 0).contiguous().unbind()]

    def of_sources(self, grad: Tensor, values: Mapping[str, Tensor]) -> Sequence[Tensor]:
        """Return the gradient of each source, given that of all of them joined; only shapes of the values matter."""
        return grad.split([values[name].shape[-1] for name in self.sources], -1)

    def to_constants(self, grad: Tensor, source: Tensor, linear: Linear) -> dict[str, Tensor]:
        """Return the gradients of weight and bias by path, given that of the output, as sums over its rows."""
        rows, features = grad.flatten(0, -2), source.flatten(0, -2)
        if rows.shape[1] > features.shape[1]:  # the first factor is copied to a new layout: the smaller one
            gradients = {self.weight: linear(features.t(), rows.t(), None).t().contiguous()}
        else:
            gradients = {self.weight: linear(rows.t(), features.t(), None)}
        return gradients if self.bias is None else {**gradients, self.bias: rows.sum(0)}
