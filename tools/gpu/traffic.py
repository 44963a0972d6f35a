"""Count the bytes that a kernel reads and writes, by running its source for one column."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

from gpu.launches import Launch
from snn_core.programs.program import Register, StepProgram


def moved(launch: Launch) -> int:
    """Return the number of bytes that a kernel reads and writes for one column.

    Example:
        >>> import snn_core as snn
        >>> from gpu.launches import Sizes, forward
        >>> moved(forward(snn.program(snn.Leaky(beta=0.9)), Sizes(100, (64, 512))))  # input, spikes, two states
        808
    """
    counter = _Counter()
    namespace: dict[str, Any] = {"tl": counter.language, "libdevice": _Anything()}
    exec(compile(launch.source.text, launch.source.name, "exec"), namespace)
    value = (_Pointer(a.element_size()) if isinstance(a, torch.Tensor) else _Number(a) for a in launch.arguments)
    namespace[launch.source.name](*value, BLOCK=launch.options["BLOCK"])
    return counter.bytes


class Loop(NamedTuple):
    """A PyTorch loop over steps, in which each operation is one kernel."""

    bytes: int  # bytes that these kernels read and write for one column
    kernels: int  # number of kernels


def loop(program: StepProgram, steps: int, size: int = 4) -> Loop:
    """Return the smallest traffic of a loop over a neuron's own code, forward and backward, for numbers of a size.

    Each operation reads the operands that have a value for each column, and writes its result. In the backward pass,
    only operations that a gradient passes through count, because everything else that they need was saved.
    """
    total = kernels = 0
    for part, begins in ((program.forward, {"x", *program.states}), (program.backward, None)):
        columns = {i for i, name in enumerate(part.inputs) if begins is None or name in begins}
        follows = {i for i, name in enumerate(part.inputs) if begins is not None or name.startswith("d ")}
        columns -= {i for i, name in enumerate(part.inputs) if name in program.coefficients}
        for number, instruction in enumerate(part.instructions, start=len(part.inputs)):
            read = {operand.number for operand in instruction.operands if isinstance(operand, Register)}
            if read & columns:
                columns.add(number)
            if read & follows:
                follows.add(number)
                total += size * (len(read & columns) + 1)
                kernels += 1
    return Loop(steps * total, steps * kernels)


class _Number(int):
    """A number that is the same for all columns."""

    def to(self, dtype: Any) -> _Number:
        return self

    def __add__(self, other: Any) -> Any:
        return _Number(int(self) + other) if isinstance(other, int) else other + self

    def __sub__(self, other: int) -> _Number:
        return _Number(int(self) - other)

    def __mul__(self, other: Any) -> Any:
        return _Number(int(self) * other) if isinstance(other, int) else other

    def __floordiv__(self, other: int) -> _Number:
        return _Number(int(self) // other)

    def __mod__(self, other: int) -> _Number:
        return _Number(int(self) % other)


class _Pointer:
    """A pointer into a tensor."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __add__(self, other: Any) -> _Pointer:
        return self

    __sub__ = __add__


class _Anything:
    """A stand-in for a value of a column, a function or a dtype, whose results do not matter."""

    def __getattr__(self, name: str) -> _Anything:
        return self

    def __call__(self, *arguments: Any, **named: Any) -> _Anything:
        return self

    def __and__(self, other: Any) -> Any:
        return other if isinstance(other, bool) else self

    def _with(self, other: object) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _with
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __or__ = __xor__ = _with


class _Counter:
    """A stand-in for ``triton.language`` that adds up the bytes that are read and written."""

    def __init__(self) -> None:
        self.bytes = 0
        anything = _Anything()
        names = ("arange", "zeros", "full", "minimum", "maximum", "abs", "div_rn", "sqrt_rn", "sqrt", "broadcast_to")
        self.language = SimpleNamespace(
            load=self._load,
            store=self._store,
            where=self._where,
            range=self._range,
            program_id=lambda axis: anything,
            debug_barrier=lambda: None,
            PropagateNan=anything,
            constexpr=int,
            **dict.fromkeys(("float32", "float64", "int64", *names), anything),
        )

    def _load(self, place: _Pointer, mask: Any = None, other: float = 0.0) -> _Anything:
        if mask is not None:  # without a mask, it is one number for all columns
            self.bytes += place.size
        return _Anything()

    def _store(self, place: _Pointer, value: Any, mask: Any) -> None:
        if mask is not False:
            self.bytes += place.size

    def _where(self, condition: Any, there: Any, otherwise: Any) -> Any:
        if isinstance(condition, bool):
            return there if condition else _Number(otherwise)
        return _Anything()

    def _range(self, start: int, stop: int, num_stages: int) -> Iterator[_Number]:
        return map(_Number, range(start, stop))
