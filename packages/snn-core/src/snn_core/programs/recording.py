"""Recordings of the operations of one step of a neuron, and of its backward step, cut into programs."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from snn_core.programs.connections import Connection
from snn_core.programs.instructions import Operand, lowered
from snn_core.programs.program import Instruction, Program, Register, StepProgram

_VIEWS = {"detach", "alias", "view", "_unsafe_view", "expand", "clone", "squeeze", "unsqueeze", "lift_fresh"}


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


class Recording(TorchDispatchMode):
    """A recorder of element-wise operations on tensors of known registers.

    Args:
        shape: Shape of one step's input.
        shapes: Shapes of the constants.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # otherwise the first use would import the compiler, which takes a second

    def __init__(self, shape: tuple[int, ...], shapes: Iterable[tuple[int, ...]]) -> None:
        super().__init__()
        self._entries: list[str | Instruction] = []  # the name of an input, or the instruction of a register
        self._kinds: list[Kind] = []
        self.shape = shape
        self._shapes = {(), *map(_without_leading_ones, shapes)}
        self._operands: dict[int, Operand] = {}  # of tensors, by identity
        self._held: list[Tensor] = []  # kept alive, so that no other tensor gets the identity of a known one
        self._known: dict[Instruction, Register] = {}
        self._inputs: set[int] = set()  # by identity, to refuse changes of inputs in place
        self._shared: set[int] = set()  # addresses of tensors with several names
        self._renamed: dict[str, str] = {}  # names of inputs, if a connection computes the step's input
        self._detached: set[int] = set()  # by identity
        self.off = False  # True while something other than a step is computed

    def input(self, name: str, tensor: Tensor, kind: Kind) -> None:
        """Give a name to a tensor that is an input of a program."""
        self._inputs.add(id(tensor))
        self._hold(tensor, self._add(name, kind))

    def sources(self, tensor: Tensor) -> tuple[str, ...]:
        """Return the name of the input that a tensor is, or the names of the inputs that are joined in it."""
        operand = self._operands.get(id(tensor))
        joined = operand.operands if isinstance(operand, Joined) else (operand,)
        names = [self._entries[o.number] for o in joined if isinstance(o, Register) and self._kind(o) is Kind.STEP]
        if len(names) < len(joined) or not all(isinstance(n, str) for n in names) or id(tensor) in self._detached:
            raise NoProgram("a linear layer reads something other than the input and the previous state")
        return tuple(map(str, names))

    def operand(self, tensor: Tensor) -> Operand:
        """Return the register or number of a tensor that was named or computed before."""
        if id(tensor) not in self._operands:
            raise NoProgram("a step returns a tensor that it does not compute")
        return self._operands[id(tensor)]

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

    def _hold(self, tensor: Tensor, operand: Operand) -> None:
        self._operands[id(tensor)] = operand
        self._held.append(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        out = func(*args, **(kwargs or {}))
        if self.off:
            return out
        if name in ("split", "split_with_sizes") and id(args[0]) in self._operands:
            return self._cut(args[0], out, *args[2:])
        if not isinstance(out, Tensor):
            raise NoProgram(f"'{name}' reads a value or returns several tensors")
        if id(out) in map(id, args):
            if id(out) in self._inputs or out.untyped_storage().data_ptr() in self._shared:
                raise NoProgram(f"'{name}' changes a tensor in place that is read elsewhere too")
            name = name.removesuffix("_")
        elif name in _VIEWS:
            self._shared.add(out.untyped_storage().data_ptr())
        if name == "detach":
            self._detached.add(id(out))
        self._hold(out, self._recorded(name, args, kwargs or {}, out))
        return out

    def _recorded(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Operand:
        if name == "lift_fresh" and id(args[0]) not in self._operands:
            return self._number(args[0])
        if name == "cat":
            if any(id(arg) in self._detached for arg in args[0]) or not _is_last(out, *args[1:]):
                raise NoProgram("a step joins detached tensors, or joins along an axis other than the last")
            return Joined(tuple(map(self._encoded, args[0])), tuple(arg.shape[-1] for arg in args[0]))
        operands = [self._encoded(arg) for arg in args]
        kinds = {*map(type, operands)}
        if Joined in kinds:
            return self._of_joined(name, args, operands, kwargs, out)
        summed = Sum in kinds
        if out.shape != self.shape and _without_leading_ones(out.shape) not in self._shapes and not summed:
            raise NoProgram(f"'{name}' returns a tensor that does not have the input's shape")
        if name in _VIEWS:
            moved = _without_leading_ones(out.shape) != _without_leading_ones(args[0].shape)
            if moved and not summed and out.shape != self.shape:
                raise NoProgram(f"'{name}' moves a constant to another axis")
            return operands[0]
        if name == "sum":
            return self._total(operands[0], args[0], out)
        if name == "_to_copy":
            return self._cast(operands[0], args[0].dtype, out.dtype)
        operand = self._lowered(name, args, operands, kwargs, out)
        if isinstance(operand, Register) and self._is_of_numbers(operand):
            return self._number(out)
        return operand

    def _total(self, operand: Operand, before: Tensor, out: Tensor) -> Operand:
        """Return the register of a sum; the gradient of a constant is summed at the end, where shapes are known."""
        if not isinstance(operand, Register):
            return self._number(out)
        kind = self._kind(operand)
        if kind is Kind.CONSTANT and out.numel() != before.numel():
            raise NoProgram("a step sums a constant over neurons")
        return Sum(*operand) if kind is Kind.STEP else operand

    def _lowered(
        self, name: str, args: tuple[Any, ...], operands: Sequence[Any], kwargs: dict[str, Any], out: Tensor
    ) -> Operand:
        """Return the result of an operation; conditions become numbers where PyTorch computes with them."""
        if out.dtype == torch.bool:
            name = {"add": "bitwise_or", "mul": "bitwise_and"}.get(name, name)
        else:
            chooses = {"where": 0, "masked_fill": 1}.get(name)
            operands = [
                self.emit("number", operand)
                if place != chooses and isinstance(operand, Register) and args[place].dtype == torch.bool
                else operand
                for place, operand in enumerate(operands)
            ]
        operand = lowered(name, tuple(operands), kwargs, self.emit)
        if operand is None:
            raise NoProgram(f"'{name}' is not an operation that programs support")
        return operand

    def _cut(self, whole: Tensor, parts: Any, *axis: int) -> Any:
        begin, joined = 0, self.operand(whole)
        if not isinstance(joined, Joined) or not _is_last(whole, *axis):
            raise NoProgram("a step takes a part of a tensor")
        for part in parts:
            self._hold(part, joined.piece(begin, part.shape[-1]))
            begin += part.shape[-1]
        return parts

    def _of_joined(self, name: str, args: tuple[Any, ...], operands: list[Any], kwargs: Any, out: Tensor) -> Operand:
        first, *more = (operand for operand in operands if isinstance(operand, Joined))
        if name == "slice" and _is_last(*args[:2]):
            return first.piece(args[2], out.shape[-1])
        if name in _VIEWS and out.shape == args[0].shape:
            return first
        others = (arg for arg, operand in zip(args, operands, strict=True) if not isinstance(operand, Joined))
        unlike = any(other.sizes != first.sizes for other in more) or any(
            isinstance(o, Tensor) and o.dim() for o in others
        )
        if unlike or name in (*_VIEWS, "sum", "_to_copy"):
            raise NoProgram(f"'{name}' takes the output of a connection that has several parts")
        each = []
        for k in range(len(first.operands)):
            kth = tuple(operand.operands[k] if isinstance(operand, Joined) else operand for operand in operands)
            each.append(self._lowered(name, args, kth, kwargs, out))
        return first._replace(operands=tuple(each))

    def _is_of_numbers(self, register: Register) -> bool:
        entry = self._entries[register.number]
        return isinstance(entry, Instruction) and {*map(type, entry.operands)} <= {float}

    def _number(self, tensor: Tensor) -> float:
        values = tensor.detach().unique()
        if values.numel() != 1:
            raise NoProgram("a step makes a tensor of several numbers; register it as a buffer of the neuron")
        return float(values)

    def _cast(self, operand: Operand, before: torch.dtype, after: torch.dtype) -> Operand:
        if before == after or isinstance(operand, Sum) or self._kind(operand) is Kind.LAST:
            return operand  # the gradient of a constant gets the dtype of the constant at the end
        if before == torch.bool and after.is_floating_point:
            return self.emit("number", operand)
        raise NoProgram(f"a step also computes in {str(before).removeprefix('torch.')}")

    def _encoded(self, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self._operands:
            raise NoProgram("a step reads a tensor that is not a constant of the neuron; register it as a buffer")
        return self._operands[id(value)]

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


def _is_last(tensor: Tensor, axis: int = 0) -> bool:
    return axis % tensor.dim() == tensor.dim() - 1


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    while shape and shape[0] == 1:
        shape = shape[1:]
    return tuple(shape)
