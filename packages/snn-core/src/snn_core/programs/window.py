"""The window of a step program: where its backward pass uses the gradient of the spikes."""

from __future__ import annotations

from math import isfinite
from typing import Any

from snn_core.programs.backward import without
from snn_core.programs.instructions import Operand
from snn_core.programs.program import Instruction, Program, Register, StepProgram

Condition = Any
"""A register that is true where a gradient is used, or True or False if that is so everywhere."""


def window_of(program: StepProgram) -> Program | None:
    """Return the program of a condition, ``inside``, outside of which a step backward ignores the spikes' gradient.

    There, the gradient is multiplied by a surrogate's derivative, which is zero. The condition is computed from what a
    step forward knows, by the same instructions as the derivative, so no rounding lies between the two.

    Args:
        program: The program of a step.

    Returns:
        The program, with some inputs of ``program.forward``; None if the gradient may be used everywhere.

    Example:
        >>> import snn_core as snn
        >>> lif = snn.Leaky(beta=0.9, spike_grad=snn.surrogate.heaviside(), reset_mechanism="none")
        >>> print(window_of(snn.program(lif)))
          v0 = k1 * mem
          v1 = v0 + x
          v2 = v1 - threshold
          v3 = v2 > 0
          inside = v3
        >>> window_of(snn.program(snn.Leaky(beta=0.9))) is None
        False
    """
    if "d emitted" not in program.backward.inputs:
        return None
    uses = _Uses(program.backward)
    inside = uses.of(Register(program.backward.inputs.index("d emitted")))
    if not isinstance(inside, Register):
        return None
    whole = Program(program.backward.inputs, tuple(uses.instructions), {"inside": inside})
    return without(whole, [name for name in program.backward.inputs if name.startswith("d ")])


class _Uses:
    """The conditions under which the outputs of a step backward depend on its registers."""

    def __init__(self, backward: Program) -> None:
        self.instructions: list[Instruction] = [*backward.instructions]
        self._first = len(backward.inputs)
        self._read: dict[Operand, list[tuple[Register, Instruction]]] = {}
        self._gradients = {Register(k) for k, name in enumerate(backward.inputs) if name.startswith("d ")}
        self._outputs = {*backward.outputs.values()}
        self._known: dict[Register, Condition] = {}
        for number, instruction in enumerate(backward.instructions, self._first):
            for operand in {*instruction.operands}:
                self._read.setdefault(operand, []).append((Register(number), instruction))
            if not self._gradients.isdisjoint(instruction.operands):
                self._gradients.add(Register(number))

    def of(self, register: Register) -> Condition:
        """Return the condition under which a register is used."""
        if register in self._outputs:
            return True
        if register not in self._known:
            reads = self._read.get(register, ())
            conditions = [self._both(self._passes(register, read), self.of(result)) for result, read in reads]
            self._known[register] = self._any(conditions)
        return self._known[register]

    def _passes(self, register: Register, instruction: Instruction) -> Condition:
        """Return the condition under which an instruction's result depends on one of its operands."""
        name, operands = instruction
        if operands.count(register) > 1:
            return True
        if name == "mul":
            (factor,) = (operand for operand in operands if operand != register)
            return self._nonzero(factor)
        if name == "where" and operands[0] != register and self._is_known(operands[0]):
            return operands[0] if operands[1] == register else self._emit("not", operands[0])
        return True

    def _nonzero(self, operand: Operand) -> Condition:
        """Return the condition under which a value is not zero, or a wider one."""
        if not isinstance(operand, Register):
            return operand != 0
        if not self._is_known(operand):
            return True
        number = operand.number - self._first
        name, operands = self.instructions[number] if number >= 0 else ("", ())
        if name == "number":
            return operands[0]
        if name == "neg":
            return self._nonzero(operands[0])
        if name == "div" and _is_factor(operands[1]):
            return self._nonzero(operands[0])
        if name == "mul":
            for a, b in (operands, operands[::-1]):
                if _is_factor(b):
                    return self._nonzero(a)
        return self._emit("ne", operand, 0.0)

    def _is_known(self, operand: Operand) -> bool:
        """Return True for a register that does not depend on a gradient."""
        return isinstance(operand, Register) and operand not in self._gradients

    def _both(self, a: Condition, b: Condition) -> Condition:
        if isinstance(a, bool) or isinstance(b, bool):
            return False if a is False or b is False else a if b is True else b
        return self._emit("and", a, b)

    def _any(self, conditions: list[Condition]) -> Condition:
        if True in [c for c in conditions if isinstance(c, bool)]:
            return True
        either: Condition = False
        for condition in conditions:
            if condition is not False:
                either = condition if either is False else self._emit("or", either, condition)
        return either

    def _emit(self, name: str, *operands: Operand) -> Register:
        self.instructions.append(Instruction(name, operands))
        return Register(self._first + len(self.instructions) - 1)


def _is_factor(operand: Operand) -> bool:
    """Return True for a number whose product with another is zero only where that is, or where it is too small."""
    return not isinstance(operand, Register) and isfinite(operand) and operand != 0
