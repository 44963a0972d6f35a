"""Feedback in step programs: a linear layer that adds the spikes of the step before to the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from snn_core.programs import Connection, Instruction, Operand, Program, Register, StepProgram, without

__all__ = ["Feedback", "feedback_of"]


@dataclass(frozen=True)
class Feedback:
    """A step program in which spikes act on the next step only through a linear layer, whose output is added to x.

    Args:
        alone: The program of the same neurons without the layer. Its states are all but the spikes.
        connection: The layer.
        place: The place of the spikes among the states.
        amplitude: The coefficient that multiplies the spikes in that state; None for 1.
        amplitude_sum: The sum that leads to the gradient of the amplitude; None if it is not learned.
    """

    alone: StepProgram
    connection: Connection
    place: int
    amplitude: str | None
    amplitude_sum: str | None


def feedback_of(program: StepProgram) -> Feedback | None:
    """Return the feedback in a step program, or None if there is none, or anything beside it.

    The program without the layer is made, and then compared with the whole one: with the layer's output added to its
    input, and the gradient of the state that holds the spikes added to that of the spikes, it must compute the same.

    Example:
        >>> import snn_core as snn
        >>> feedback = feedback_of(snn.program(snn.RLeaky(beta=0.9, linear_features=5), sample=(5,)))
        >>> feedback.alone.states, feedback.amplitude
        (('mem',), 'graded_spikes_factor')
        >>> feedback_of(snn.program(snn.SLSTM(5, 5), sample=(5,))) is None
        True
    """
    if len(program.connections) != 1:
        return None
    (connection,) = program.connections
    if len(connection.inputs) != 1 or len(connection.sources) != 1 or connection.sources[0] not in program.fields:
        return None
    (field,), (arriving,) = connection.sources, connection.inputs
    if field in {*program.forward.inputs, *program.backward.inputs} or not _fires(program):
        return None
    nodes = _Nodes()
    total = nodes.of("add", nodes.leaf("x"), nodes.leaf(arriving))
    forward, backward = nodes.outputs(program.forward, {}), nodes.outputs(program.backward, {})
    held: dict[int, str | None] = {forward["emitted"]: None}
    held |= {nodes.of("mul", forward["emitted"], nodes.leaf(name)): name for name in program.coefficients}
    if forward[field] not in held or backward["d x"] != backward[f"d {arriving}"]:
        return None
    amplitude, returned = held[forward[field]], nodes.leaf(f"d {field}")
    learns = nodes.of("mul", returned, forward["emitted"])
    amplitude_sum = next((name for name in program.sums if backward[name] == learns), None)
    of_spikes = returned if amplitude is None else nodes.of("mul", returned, nodes.leaf(amplitude))
    alone = _without_layer(program, field, arriving, amplitude_sum)
    there = {"x": total, "d emitted": nodes.of("add", nodes.leaf("d emitted"), of_spikes)}
    same = nodes.outputs(alone.forward, there).items() <= forward.items()
    if not same or not nodes.outputs(alone.backward, there).items() <= backward.items():
        return None
    return Feedback(alone, connection, program.fields.index(field), amplitude, amplitude_sum)


def _fires(program: StepProgram) -> bool:
    """Return True if the spikes are a condition as a number, 0 or 1."""
    step, emitted = program.forward, program.forward.outputs["emitted"]
    number = emitted.number - len(step.inputs) if isinstance(emitted, Register) else -1
    return number >= 0 and step.instructions[number].name == "number"


def _without_layer(program: StepProgram, field: str, arriving: str, amplitude_sum: str | None) -> StepProgram:
    """Return a step program that takes the sum of x and the layer's output as x, and passes on no spikes."""
    forward = _with_sum_as_input(program.forward, arriving, {field, arriving})
    gone = {f"d {field}", f"d {arriving}", *filter(None, [amplitude_sum])}
    backward = without(_with_sum_as_input(program.backward, arriving, gone), [f"d {field}"])
    read = {*forward.inputs, *backward.inputs}
    once = replace(program.once, outputs={name: out for name, out in program.once.outputs.items() if name in read})
    return replace(program, once=once, forward=forward, backward=backward, connections=())


def _with_sum_as_input(program: Program, arriving: str, gone: set[str]) -> Program:
    """Return a program in which the sum of x and another input is x, without some outputs."""
    ends = [Register(k) for k, name in enumerate(program.inputs) if name in ("x", arriving)]
    sums = [
        Register(len(program.inputs) + k)
        for k, (name, operands) in enumerate(program.instructions)
        if name == "add" and len(ends) == 2 and {*operands} == {*ends}
    ]
    replaced: dict[Operand, Operand] = dict.fromkeys(sums, Register(program.inputs.index("x"))) if sums else {}
    instructions = (
        Instruction(name, tuple(replaced.get(operand, operand) for operand in operands))
        for name, operands in program.instructions
    )
    outputs = {name: replaced.get(out, out) for name, out in program.outputs.items() if name not in gone}
    return without(Program(program.inputs, tuple(instructions), outputs), [arriving])


class _Nodes:
    """Expressions by number, in which equal ones have the same number."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def of(self, name: str, *operands: int) -> int:
        """Return the number of an operation on expressions."""
        ordered = sorted(operands) if name in ("add", "mul") else operands
        return self._numbers.setdefault((name, *ordered), len(self._numbers))

    def leaf(self, name: Any) -> int:
        """Return the number of an input, by name, or of a constant."""
        return self._numbers.setdefault(name, len(self._numbers))

    def outputs(self, program: Program, inputs: Mapping[str, int]) -> dict[str, int]:
        """Return the outputs of a program, given the expressions that some of its inputs stand for."""
        values = [inputs.get(name, self.leaf(name)) for name in program.inputs]

        def value(operand: Operand) -> int:
            return values[operand.number] if isinstance(operand, Register) else self.leaf(float(operand))

        for name, operands in program.instructions:
            values.append(self.of(name, *map(value, operands)))
        return {name: value(out) for name, out in program.outputs.items()}
