"""Recordings of the operations of one step of a neuron, and of its backward step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from snn_core.programs.instructions import Operand, lowered
from snn_core.programs.program import Instruction, Register
from snn_core.programs.registers import Joined, Kind, NoProgram, Registers, Sum

_VIEWS = {"detach", "alias", "view", "_unsafe_view", "expand", "clone", "squeeze", "unsqueeze", "lift_fresh"}


class Recording(Registers, TorchDispatchMode):
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
        self.shape = shape
        self._shapes = {(), *map(_without_leading_ones, shapes)}
        self._operands: dict[int, Operand] = {}  # of tensors, by identity
        self._held: list[Tensor] = []  # kept alive, so that no other tensor gets the identity of a known one
        self._inputs: set[int] = set()  # by identity, to refuse changes of inputs in place
        self._shared: set[int] = set()  # addresses of tensors with several names
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


def _is_last(tensor: Tensor, axis: int = 0) -> bool:
    return axis % tensor.dim() == tensor.dim() - 1


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    while shape and shape[0] == 1:
        shape = shape[1:]
    return tuple(shape)
