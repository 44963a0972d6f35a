"""The registers of a recorded step, and the programs into which they are cut, by how often each is computed."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import NamedTuple

from snn_core.programs.connections import Connection
from snn_core.programs.instructions import Operand
from snn_core.programs.program import Instruction, Program, Register, StepProgram


class NoProgram(Exception):
    """Error raised for a neuron that has no step program; its message is the reason."""


class Joined(NamedTuple):
    """A tensor made of several registers, one after another along the last axis."""

    operands: tuple[Operand, ...]
    sizes: tuple[int, ...]

    def piece(self, begin: int, size: int) -> Operand:
        """Return the register of a part."""
        starts = [sum(self.sizes[:k]) for k in range(len(self.sizes))]
        if (begin, size) not in zip(starts, self.sizes, strict=True):
            raise NoProgram("a step cuts the output of a connection into parts other than those of its states")
        return self.operands[starts.index(begin)]


class Kind(IntEnum):
    """The frequency with which a register is computed; a result has the largest kind among its operands."""

    CONSTANT = 0  # once, before the first step
    STEP = 1  # in every step
    LAST = 2  # once, after the last step, from sums over columns


class Sum(Register):
    """A register that stands for its sum over columns: the gradient of a constant, before it is summed."""


_OPERANDS = {Register, Sum, float}


class Registers:
    """The registers of a step: inputs by name, and the results of instructions, of which none is computed twice."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[str | Instruction] = []  # the name of an input, or the instruction of a register
        self._kinds: list[Kind] = []
        self._known: dict[Instruction, Register] = {}
        self._renamed: dict[str, str] = {}  # names of inputs, if a connection computes the step's input

    def emit(self, name: str, *operands: Operand) -> Operand:
        """Add an instruction, unless its result is already known."""
        kinds = {*map(type, operands)}
        if not kinds <= _OPERANDS:
            raise NoProgram(f"'{name}' is called with {operands}, which programs do not support")
        if name == "mul" and 1.0 in operands:
            return operands[operands[0] == 1.0]
        if Sum in kinds:
            if name in ("add", "sub", "neg") and kinds == {Sum}:
                return Sum(*self.emit(name, *(Register(*operand) for operand in operands)))
            operands = tuple(self._summed(o) if isinstance(o, Sum) else o for o in operands)
        frequencies = [self._kinds[o.number] for o in operands if isinstance(o, Register)]
        kind = max(frequencies, default=Kind.CONSTANT)
        if kind is Kind.LAST and Kind.STEP in frequencies:
            raise NoProgram("a sum over the batch or over neurons takes part in a step")
        return self._instruction(Instruction(name, operands), kind)

    def _summed(self, columns: Operand) -> Register:
        return self._instruction(Instruction("sum", (Register(*columns),)), Kind.LAST)

    def _instruction(self, instruction: Instruction, kind: Kind) -> Register:
        if instruction not in self._known:
            self._known[instruction] = self._add(instruction, kind)
        return self._known[instruction]

    def _add(self, entry: str | Instruction, kind: Kind) -> Register:
        self._entries.append(entry)
        self._kinds.append(kind)
        return Register(len(self._entries) - 1)

    def _kind(self, operand: Operand) -> Kind:
        return self._kinds[operand.number] if isinstance(operand, Register) else Kind.CONSTANT

    def split(
        self,
        forward: Mapping[str, Operand],
        backward: Mapping[str, Operand],
        last: Mapping[str, Operand],
        connections: Sequence[Connection],
    ) -> StepProgram:
        """Return the recorded programs, by how often each is computed.

        Args:
            forward: The outputs of a step, by name.
            backward: The gradients of its inputs.
            last: The gradients of constants.
            connections: Linear maps of a step's input and states, ahead of the step.
        """
        if any(isinstance(o, Joined) for o in (*forward.values(), *backward.values(), *last.values())):
            raise NoProgram("a step returns the output of a connection that has several parts")
        if any(self._kind(o) is Kind.LAST or isinstance(o, Sum) for o in (*forward.values(), *backward.values())):
            raise NoProgram("a sum over the batch or over neurons takes part in a step")
        ends = {n: self._summed(o) if self._kind(o) is Kind.STEP else o for n, o in last.items()}
        needed = self._needed(ends.values())
        summed = {i.operands[0]: total for i, total in self._known.items() if i.name == "sum" and total in needed}
        totals = {total: f"sum {index}" for index, total in enumerate(summed.values())}
        forward, backward = {**forward}, {**backward, **dict(zip(totals.values(), summed, strict=True))}
        in_steps = self._needed((*forward.values(), *backward.values()))
        connections = self._summed_up(connections, in_steps, forward, backward)
        if connections and Register(0) not in in_steps:  # the input itself is not read
            first = connections[0].inputs[0]
            self._renamed = {"x": "input", first: "x"}
            connections = [c.renamed(self._renamed) for c in connections]
            del forward[first]
            backward["d x"] = backward.pop(f"d {first}")
        coefficients: dict[Operand, str] = {}
        for operand in self._read(in_steps, (*forward.values(), *backward.values())):
            entry = self._entries[operand.number]
            coefficients[operand] = entry if isinstance(entry, str) else f"k{len(coefficients)}"
        once = self._program({name: operand for operand, name in coefficients.items()}, {})
        step, back = (self._program(outputs, coefficients) for outputs in (forward, backward))
        return StepProgram(once, step, back, self._program(ends, totals), tuple(connections))

    def _summed_up(
        self,
        connections: Sequence[Connection],
        in_steps: set[Register],
        forward: dict[str, Operand],
        backward: dict[str, Operand],
    ) -> list[Connection]:
        """Merge connections whose outputs a step only adds up, so that they compute one input, the sum.

        Args:
            connections: The connections.
            in_steps: The registers of a step and its backward step.
            forward: The outputs of a step; those of merged inputs are removed.
            backward: The outputs of the backward step, likewise.
        """
        numbers = {entry: Register(k) for k, entry in enumerate(self._entries) if isinstance(entry, str)}
        readers: dict[Operand, set[Register]] = {}
        for register in in_steps:
            entry = self._entries[register.number]
            for operand in entry.operands if isinstance(entry, Instruction) else ():
                readers.setdefault(operand, set()).add(register)
        made: list[Connection] = []
        for connection in connections:
            mine = [numbers[name] for name in connection.inputs]
            for other in made:
                theirs = [numbers[name] for name in other.inputs]
                pairs = [*zip(theirs, mine, strict=False)]
                sums = [s for pair in pairs if (s := self._known.get(Instruction("add", pair))) is not None]
                if len(sums) == len(mine) == len(theirs) and all(
                    readers.get(o) == readers.get(m) == {s} for (o, m), s in zip(pairs, sums, strict=True)
                ):
                    for name, s in zip(other.inputs, sums, strict=True):
                        self._entries[s.number] = name
                    for name in connection.inputs:
                        del forward[name], backward[f"d {name}"]
                    connection = replace(connection, inputs=other.inputs)
                    break
            made.append(connection)
        return made

    def _needed(self, ends: Iterable[Operand], inputs: Container[Operand] = ()) -> set[Register]:
        """Return the registers that some outputs need, going back to the inputs."""
        needed: set[Register] = set()
        waiting = [*ends]
        while waiting:
            operand = waiting.pop()
            if isinstance(operand, Register) and operand not in needed:
                needed.add(operand)
                entry = self._entries[operand.number]
                if isinstance(entry, Instruction) and operand not in inputs:
                    waiting += entry.operands
        return needed

    def _read(self, in_steps: set[Register], ends: Iterable[Operand]) -> list[Register]:
        """Return the constant registers that an instruction of a step reads or that are an output."""
        read = {*ends}
        for register in in_steps:
            entry = self._entries[register.number]
            if isinstance(entry, Instruction) and self._kinds[register.number] is Kind.STEP:
                read.update(entry.operands)
        return sorted([o for o in read if isinstance(o, Register) and self._kinds[o.number] is Kind.CONSTANT])

    def _program(self, outputs: Mapping[str, Operand], values: Mapping[Operand, str]) -> Program:
        """Return the program that computes some outputs from inputs and from known registers, given by name."""
        inputs: dict[Operand, str] = {}
        instructions: dict[Operand, Instruction] = {}
        for register in sorted(self._needed(outputs.values(), values)):
            entry = self._entries[register.number]
            if register in values:
                inputs[register] = values[register]
            elif isinstance(entry, str):
                inputs[register] = self._renamed.get(entry, entry)
            else:
                instructions[register] = entry
        new = dict(zip([*inputs, *instructions], map(Register, itertools.count()), strict=False))
        renumbered = [Instruction(name, tuple(map(new.get, read, read))) for name, read in instructions.values()]
        ends = dict(zip(outputs, map(new.get, outputs.values(), outputs.values()), strict=True))
        return Program(tuple(inputs.values()), tuple(renumbered), ends)
