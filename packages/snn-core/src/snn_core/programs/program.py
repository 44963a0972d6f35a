"""Step programs: the computation of one step of a neuron, as element-wise instructions over columns.

A column is one neuron of one sample. No instruction sees two columns at once, so an engine may run any number of
columns through all steps of a sequence before it turns to the next ones.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_core.programs.connections import Connection
from snn_core.programs.instructions import Operand, computed, written
from snn_core.results import Line, Result


def broadcast_shape(shapes: Iterable[tuple[int, ...]]) -> torch.Size:
    """Return the shape to which others broadcast, like ``torch.broadcast_shapes``, which imports SymPy when called.

    Raises:
        RuntimeError: If they do not broadcast.
    """
    return torch.broadcast_tensors(torch.empty(()), *(torch.empty(shape, device="meta") for shape in shapes))[0].shape


class Register(NamedTuple):
    """A value of a program, by its number: first the inputs, then the result of each instruction."""

    number: int


class Instruction(NamedTuple):
    """One element-wise operation on registers and numbers."""

    name: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, repr=False)
class Program(Result):
    """Instructions in single-assignment form.

    Args:
        inputs: The names of the first registers.
        instructions: The instructions that compute the registers after them.
        outputs: The register of each output, by name, or a number if the output is the same everywhere.

    Example:
        >>> halved = Program(("x", "beta"), (Instruction("mul", (Register(0), Register(1))),), {"mem": Register(2)})
        >>> print(halved)
          v0 = x * beta
          mem = v0
        >>> halved.run({"x": torch.ones(2), "beta": torch.tensor(0.5)})
        {'mem': tensor([0.5000, 0.5000])}
    """

    inputs: tuple[str, ...]
    instructions: tuple[Instruction, ...]
    outputs: Mapping[str, Operand]

    def run(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Compute the outputs with PyTorch, one instruction after another.

        Args:
            values: The inputs by name, of shapes that broadcast.

        Returns:
            The outputs by name; an output that is a number stays a number.
        """
        registers: list[Any] = [values[name] for name in self.inputs]
        for name, operands in self.instructions:
            read = [registers[operand.number] if isinstance(operand, Register) else operand for operand in operands]
            registers.append(computed(name, read, registers[0].dtype))
        return {n: registers[o.number] if isinstance(o, Register) else o for n, o in self.outputs.items()}

    def _lines(self) -> list[Line]:
        names = [*self.inputs, *(f"v{i}" for i in range(len(self.instructions)))]

        def text(operand: Operand) -> str:
            return names[operand.number] if isinstance(operand, Register) else _exact(operand)

        lines = [
            f"  {name} = {written(instruction.name, [*map(text, instruction.operands)])}"
            for name, instruction in zip(names[len(self.inputs) :], self.instructions, strict=True)
        ]
        results = {name: text(operand) for name, operand in self.outputs.items()}
        return [*lines, *(f"  {name} = {value}" for name, value in results.items() if value != name)]


def _exact(number: float) -> str:
    """Write a number so that no two numbers are written alike."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


@dataclass(frozen=True, repr=False)
class StepProgram(Result):
    """One step of a neuron, forward and backward.

    Args:
        once: Computes the coefficients from the neuron's constants. A step reads the coefficients, which are the same
            in every step.
        forward: Computes the spikes ``emitted``, before their graded factor, and the next state from ``x``, the state
            and the coefficients.
        backward: Computes the gradients of ``x`` and of the state from the same values and the gradients of the
            outputs, such as ``d emitted``. For each coefficient that leads to a learned constant, it also computes one
            column's share of its gradient, under a name of its own, to be summed over columns and steps.
        last: Computes the gradients of the learned constants from the constants and those sums.
        connections: Linear maps of the neuron's input, or of the state, to inputs of the step, which come after its
            states; maps to the same inputs are added up. If the step does not read the neuron's input itself, one of
            these inputs is called ``x``, and the neuron's input is called ``input``.
        neuron: The name of the neuron's class, for messages; programs that differ only in this name are equal.

    Example:
        >>> import snn_core as snn
        >>> program = snn.program(snn.Leaky(beta=0.9, reset_mechanism="none"))
        >>> program.states, program.coefficients, program.sums
        (('mem',), ('threshold', 'k1'), ())
        >>> print(program.forward)
          v0 = k1 * mem
          v1 = v0 + x
          v2 = v1 - threshold
          v3 = v2 > 0
          v4 = number(v3)
          emitted = v4
          mem = v1
    """

    once: Program
    forward: Program
    backward: Program
    last: Program
    connections: tuple[Connection, ...] = ()
    neuron: str = field(default="neuron", compare=False)

    def _lines(self) -> list[Line]:
        parts = {"once": self.once, "step": self.forward, "step backward": self.backward, "at the end": self.last}
        text = [f"{title}:\n{part}" for title, part in parts.items() if part.outputs]
        return ["connections:", *map(str, self.connections), *text] if self.connections else [*text]

    @functools.cached_property
    def states(self) -> tuple[str, ...]:
        """The names of the state's fields, followed by the names of the inputs that connections compute."""
        return tuple(name for name in self.forward.outputs if name != "emitted")

    @functools.cached_property
    def fields(self) -> tuple[str, ...]:
        """The names of the state's fields."""
        computed = {name for connection in self.connections for name in connection.inputs}
        return tuple(name for name in self.states if name not in computed)

    @functools.cached_property
    def coefficients(self) -> tuple[str, ...]:
        """The names of the values that are the same in every step."""
        return tuple(self.once.outputs)

    @functools.cached_property
    def constants(self) -> tuple[str, ...]:
        """The paths of the tensors of the neuron that the program reads."""
        weights = (path for c in self.connections for path in (c.weight, c.bias) if path is not None)
        names = dict.fromkeys((*self.once.inputs, *self.last.inputs, *weights))
        return tuple(name for name in names if name not in self.sums)

    @functools.cached_property
    def text(self) -> str:
        """The program as text, which is the same for equal programs and for no others."""
        return f"{self}\nstates: {', '.join(self.states)}"

    @functools.cached_property
    def arriving(self) -> dict[tuple[str, ...], list[Connection]]:
        """The connections, grouped by the inputs of the step that are their sum."""
        return {
            inputs: [c for c in self.connections if c.inputs == inputs]
            for inputs in dict.fromkeys(c.inputs for c in self.connections)
        }

    @functools.cached_property
    def renames_input(self) -> bool:
        """True if ``x`` is the output of a connection, and only connections read the neuron's input."""
        return any("x" in connection.inputs for connection in self.connections)

    def step_inputs(self, x: Tensor, state: Mapping[str, Tensor], constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the inputs of a step's instructions, without the coefficients.

        Args:
            x: The neuron's input in one step.
            state: Its state, by field.
            constants: Its constants and weights, by path.
        """
        values, computed = {"x": x, "input": x, **state}, {}
        for inputs, connections in self.arriving.items():
            total = functools.reduce(torch.add, (c(values, constants) for c in connections))
            computed |= dict(zip(inputs, connections[0].parts(total), strict=True))
        return values | computed

    def shape_of_sums(self, constants: Mapping[str, Tensor]) -> torch.Size:
        """Return the shape to which the sums may be reduced: the joint shape of all constants that ``last`` reads.

        Args:
            constants: The constants, by name.
        """
        if not self.sums:
            return torch.Size()
        named = (name.removeprefix("d ") for name in (*self.last.inputs, *self.last.outputs))
        return broadcast_shape(constants[name].shape for name in named if name in constants)

    def gradients(self, constants: Mapping[str, Tensor], sums: Mapping[str, Tensor]) -> list[Tensor | None]:
        """Return the gradient of each constant, None for a constant that is not learned.

        Args:
            constants: The constants, by name.
            sums: The sums over columns and steps, by name.
        """
        if not self.last.outputs:
            return [None] * len(constants)
        with torch.no_grad():
            dtype = next(iter(constants.values())).dtype
            out = self.last.run({**constants, **{name: total.to(dtype) for name, total in sums.items()}})
        gradients = {name: out.get(f"d {name}") for name in constants}
        return [
            None
            if g is None
            else torch.as_tensor(g, dtype=constants[name].dtype, device=constants[name].device)
            .expand(broadcast_shape([getattr(g, "shape", ()), constants[name].shape]))
            .sum_to_size(constants[name].shape)
            for name, g in gradients.items()
        ]

    @functools.cached_property
    def sums(self) -> tuple[str, ...]:
        """The names of the outputs of ``backward`` that are summed over columns and steps."""
        return tuple(self.backward.outputs)[1 + len(self.states) :]

    @functools.cached_property
    def summing_x(self) -> StepProgram:
        """The same step with the gradient of ``x`` among its sums, for input that is the same in every step."""
        outputs = {**self.backward.outputs, X_OVER_STEPS: self.backward.outputs["d x"]}
        return replace(self, backward=replace(self.backward, outputs=outputs))


X_OVER_STEPS = "d x over steps"
"""The gradient of the input, among the sums of a program."""


class Made:
    """A cache of what an engine made from programs, kept as long as each program lives.

    Programs contain dictionaries and so have no hash; they are distinguished by identity.

    Example:
        >>> import snn_core as snn
        >>> made, program = Made(), snn.program(snn.Leaky(beta=0.9))
        >>> made.get(program, "length", lambda: len(program.forward.instructions))
        9
        >>> made.get(program, "length", lambda: 0)
        9
    """

    def __init__(self) -> None:
        self._by_program: dict[int, tuple[Any, dict[Any, Any]]] = {}

    def get(self, program: StepProgram, key: Any, make: Callable[[], Any]) -> Any:
        """Return what was made from a program, or make it now; the key must name everything else that it depends on."""
        number = id(program)
        entry = self._by_program.get(number)
        if entry is None or entry[0]() is not program:
            entry = weakref.ref(program, lambda _: self._by_program.pop(number, None)), {}
            self._by_program[number] = entry
        made = entry[1]
        if key not in made:
            made[key] = make()
        return made[key]
