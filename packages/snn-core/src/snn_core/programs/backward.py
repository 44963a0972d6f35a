"""The backward pass through the steps, restricted to the gradients that exist."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from snn_core.programs.program import Instruction, Program, Register, StepProgram

_ZERO_WITH = frozenset({"mul", "neg", "number", "div"})  # operations whose result is absent if an operand is absent


class BackwardPass(NamedTuple):
    """The backward pass through a sequence: the program of its last step and the program of all earlier steps.

    Args:
        last: Program of the last step, from the gradients that it receives.
        before: Program of each earlier step.
        follows: For each state, True if steps before the last one receive a gradient from the step after them.
    """

    last: Program
    before: Program
    follows: tuple[bool, ...]


def walk(program: StepProgram, spikes: bool, states: Sequence[bool], trace: bool) -> BackwardPass:
    """Return the programs of a backward pass, without what is zero because the loss does not depend on it.

    An absent gradient is not the number zero: zero times an infinite membrane potential would be NaN.

    Args:
        program: The program of a step.
        spikes: True if the spikes have a gradient.
        states: For each state, True if it has a gradient.
        trace: True if these are gradients of every step's states, False if they are of the last states.

    Example:
        >>> import snn_core as snn
        >>> program = snn.program(snn.Leaky(beta=0.9, reset_mechanism="none"))
        >>> last, before, follows = walk(program, spikes=False, states=[True], trace=False)
        >>> print(before)
          v0 = d mem * k1
          d x = d mem
          d mem = v0
        >>> follows
        (True,)
    """

    def given(follows: Sequence[bool]) -> Program:
        arrives = [f or (trace and has) for f, has in zip(follows, states, strict=True)]
        absent = [f"d {name}" for name, there in zip(program.states, arrives, strict=True) if not there]
        return without(program.backward, absent if spikes else ["d emitted", *absent])

    def leads(step: Program) -> list[bool]:
        return [not is_zero(step.outputs[f"d {name}"]) for name in program.states]

    last = given([has and not trace for has in states])
    follows = leads(last)
    while True:
        before = given(follows)
        more = [f or now for f, now in zip(follows, leads(before), strict=True)]
        if more == follows:
            return BackwardPass(last, before, tuple(follows))
        follows = more


def is_zero(operand: Any) -> bool:
    """Return True for the number zero."""
    return not isinstance(operand, Register) and operand == 0


def without(program: Program, absent: Collection[str]) -> Program:
    """Return a program without some of its inputs, namely the gradients of values on which no loss depends.

    A product with an absent factor is absent, and a sum consists of what remains; an absent output is the number zero.
    Absent names that the program does not have are ignored.
    """
    inputs = tuple(name for name in program.inputs if name not in absent)
    instructions: list[Instruction] = []

    def emit(name: str, *operands: Any) -> Register:
        instructions.append(Instruction(name, operands))
        return Register(len(inputs) + len(instructions) - 1)

    values: list[Any] = [Register(inputs.index(name)) if name in inputs else None for name in program.inputs]

    def value(operand: Any) -> Any:
        return values[operand.number] if isinstance(operand, Register) else operand

    for name, operands in program.instructions:
        values.append(_computed(emit, name, [*map(value, operands)]))
    outputs = {name: value(operand) for name, operand in program.outputs.items()}
    return _without_dead_code(
        Program(inputs, tuple(instructions), {name: 0.0 if out is None else out for name, out in outputs.items()})
    )


def _computed(emit: Any, name: str, operands: list[Any]) -> Any:
    """Return an instruction's register, or None if it is absent because some operands are absent."""
    if None in operands:
        first, *others = operands
        if name in _ZERO_WITH or all(operand is None for operand in operands):
            return None
        if name == "add":
            return next(operand for operand in operands if operand is not None)
        if name == "sub":
            return emit("neg", *others) if first is None else first
        if name == "where" and others == [None, None]:
            return None
    return emit(name, *(0.0 if operand is None else operand for operand in operands))


def _without_dead_code(program: Program) -> Program:
    """Return the program with only the instructions that lead to an output."""
    first = len(program.inputs)
    needed = {operand.number for operand in program.outputs.values() if isinstance(operand, Register)}
    for number in reversed(range(first, first + len(program.instructions))):
        if number in needed:
            operands = program.instructions[number - first].operands
            needed |= {operand.number for operand in operands if isinstance(operand, Register)}
    kept = [*range(first), *sorted(number for number in needed if number >= first)]
    numbers = {old: new for new, old in enumerate(kept)}

    def renumbered(operand: Any) -> Any:
        return Register(numbers[operand.number]) if isinstance(operand, Register) else operand

    instructions = (program.instructions[number - first] for number in kept[first:])
    return Program(
        program.inputs,
        tuple(Instruction(name, tuple(map(renumbered, operands))) for name, operands in instructions),
        {name: renumbered(operand) for name, operand in program.outputs.items()},
    )
