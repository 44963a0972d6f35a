"""Neurons, by their step programs, and element-wise functions, which are programs too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snn_core.neuron import constants_of
from snn_core.programs import Program, StepProgram
from snn_export.c.arrays import Array
from snn_export.c.elementwise import Loop
from snn_export.c.names import Names, comment
from snn_export.c.products import added_over_spikes
from snn_export.c.routine import Buffer, Field, Layer, Refusal, Routine, View, blocks

__all__ = ["Elementwise", "Neuron"]


@dataclass(eq=False)
class Elementwise(Layer):
    """A function of each number."""

    program: Program
    values: Mapping[str, View | Tensor]

    def routine(self, names: Names) -> Routine:
        loop, local = Loop(self.y.shape, self.path, names), {}
        for name in self.program.inputs:
            value = self.values[name]
            if isinstance(value, View):
                local[name] = loop.load(f"x{self.reads.index(value.buffer)}", name, value.shape)
            else:
                local[name] = loop.constant(name, value)
        out = loop.lines.computed(self.program, local)
        loop.store("y", out["y"])
        operations = self.writes.size * len(self.program.instructions)
        whole = all(x.buffer.size == self.writes.size for x in self.xs)
        return Routine(self, loop.body(), loop.arrays, operations=operations, in_place=whole)


@dataclass(eq=False)
class Neuron(Layer):
    """A neuron, by its step program."""

    module: Any
    program: StepProgram
    fields: Mapping[str, Field]
    shape: tuple[int, ...]

    def routine(self, names: Names) -> Routine:
        loop = Loop(self.shape, self.path, names)
        with torch.no_grad():
            constants = constants_of(self.module)
            coefficients = self.program.once.run(constants)
        sums, lines, arrays = self._connections(constants, names)
        local = {}
        for name in self.program.forward.inputs:
            if name in sums:
                pointer, place = sums[name]
                local[name] = loop.load_at(pointer, place, name)
            elif name == "x":
                local[name] = loop.load("x0", "drive", self.x.shape)
            elif name in self.fields:
                local[name] = loop.load(f"state->{self.fields[name].name}", name)
            else:
                local[name] = loop.constant(name, torch.as_tensor(coefficients[name]))
        out = loop.lines.computed(self.program.forward, local)
        spk = out["emitted"]
        graded = self.module.graded_spikes_factor.detach()
        if not bool((graded == 1).all()):
            spk = f"{spk} * {loop.constant('graded_spikes_factor', graded)}"
        loop.store("y", spk)
        for name, member in self.fields.items():
            loop.store(f"state->{member.name}", out[name])
        size = math.prod(self.shape)
        products = sum(array.values.numel() for array in arrays if array.values.dim() > 1)
        return Routine(
            self,
            body=[*lines, *loop.body()],
            arrays=[*arrays, *loop.arrays],
            fields=[*self.fields.values()],
            temporaries=[Buffer(size * len(inputs)) for inputs in self.program.arriving],
            operations=size * len(self.program.forward.instructions) + products,
            in_place=True,
        )

    def _connections(
        self, constants: Mapping[str, Tensor], names: Names
    ) -> tuple[dict[str, tuple[str, str]], list[str], list[Array]]:
        """Return where the outputs of connections are read, the lines that compute them, and their constants."""
        sums: dict[str, tuple[str, str]] = {}
        lines: list[str] = []
        arrays: list[Array] = []
        rows, features = math.prod(self.shape[:-1]), self.shape[-1] if self.shape else 1
        for k, (inputs, connections) in enumerate(self.program.arriving.items()):
            outputs = features * len(inputs)
            for part, name in enumerate(inputs):
                at = f" + {part * features}" if part else ""
                place = f"i{at}" if rows == 1 else f"i / {features} * {outputs} + i % {features}{at}"
                sums[name] = f"t{k}", place
            biases = [constants[c.bias].detach() for c in connections if c.bias is not None]
            start = "0.0f"
            if biases:
                bias = names.array(self.path, f"bias_{k}", "float", sum(biases[1:], biases[0]), "bias [out]")
                arrays.append(bias)
                start = f"{bias.name}[o]" if rows == 1 else f"{bias.name}[o % {outputs}]"
            body = [f"for (int o = 0; o < {rows * outputs}; o++) {{", f"t{k}[o] = {start};", "}"]
            for connection in connections:
                title = f"{comment(connection.weight)} [in][out]"
                values = constants[connection.weight].detach().t()
                weight = names.array(self.path, connection.weight, "float", values, title)
                arrays.append(weight)
                first = 0
                for source in connection.sources:
                    of_input = source in ("x", "input")
                    width = self.x.shape[-1] if of_input else features
                    pointer = "x0" if of_input else f"state->{self.fields[source].name}"
                    place = f"(i + {first}) * {outputs} + o" if first else f"i * {outputs} + o"
                    term = f"{weight.name}[{place}] * spike"
                    body += added_over_spikes(f"t{k}", pointer, (rows, outputs, width), term)
                    first += width
                if first != len(values):
                    raise Refusal(f"{connection.weight} has {len(values)} inputs, but gets {first}")
            lines += blocks(*body)
        return sums, lines, arrays
