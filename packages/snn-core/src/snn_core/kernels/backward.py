"""The way back through steps, for those gradients that there are at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from snn_core.kernels.program import Instruction, Program, Register, StepProgram

_ZERO_WITH = frozenset({"mul", "neg", "number", "div"})  # what gives nothing where one of the operands is nothing


class Walk(NamedTuple):
    """The way back through a sequence: the program of its last step, and that of all steps before it.

    Args:
        last: What the last step computes, of the gradients that it is given.
        before: What each step before it computes.
        follows: For each state, whether the steps before the last one are given a gradient by the step behind them.
    """

    last: Program
    before: Program
    follows: tuple[bool, ...]


def walk(program: StepProgram, spikes: bool, states: Sequence[bool], trace: bool) -> Walk:
    """Return what a backward pass computes, without what is zero because no loss depends on it.

    A gradient that is not there is not the number zero: zero times an infinite membrane would be NaN.

    Args:
        program: The program of a step.
        spikes: True if the spikes have a gradient.
        states: For each state, True if it has one.
        trace: True if those are of every step's states, False if of the last ones.

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
            return Walk(last, before, tuple(follows))
        follows = more


def is_zero(operand: Any) -> bool:
    """Return True for the number zero.

    Example:
        >>> is_zero(0.0), is_zero(Register(0))
        (True, False)
    """
    return not isinstance(operand, Register) and operand == 0


def without(program: Program, absent: Collection[str]) -> Program:
    """Return a program without some of its inputs, which are gradients of what nothing depends on.

    What is multiplied by one is nothing, and a sum is what else is added; an output that is nothing is the number zero.

    Args:
        program: The program.
        absent: Names of inputs; those that the program does not have do not matter.

    Example:
        >>> product = Instruction("mul", (Register(0), Register(1)))
        >>> total = Instruction("add", (Register(3), Register(2)))
        >>> program = Program(("g", "beta", "h"), (product, total), {"d": Register(4)})
        >>> print(without(program, {"g"}))
          d = h
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
    """Return an instruction's register, or None where it is nothing as some operands are."""
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
    """Return the same program with those of its instructions alone that lead to an output."""
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
