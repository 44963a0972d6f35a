"""Element-wise layers: programs of instructions, as statements that run for each number of a tensor."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from snn_core.programs import CONDITIONS, Program, Register, written
from snn_export.c.arrays import Array, number
from snn_export.c.names import KEYWORDS, Names, comment, taken
from snn_export.c.routine import Refusal, blocks

__all__ = ["Lines", "Loop", "index"]

_TEMPLATES = {name: written(name, ["{}", "{}"]) for name in "add sub mul div gt ge lt le eq ne".split()}
_TEMPLATES |= {"and": "{} && {}", "or": "{} || {}", "xor": "{} != {}"}
_TEMPLATES |= {name: f"{name}f({{}})" for name in ("sqrt", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos")}
_TEMPLATES |= {"floor": "floorf({})", "round": "rintf({})", "abs": "fabsf({})", "pow": "powf({}, {})"}
_TEMPLATES |= {"neg": "-{}", "square": "{0} * {0}", "not": "!{}", "where": "{} ? {} : {}"}
_TEMPLATES |= {"reciprocal": "1.0f / {}", "rsqrt": "1.0f / sqrtf({})", "sigmoid": "1.0f / (1.0f + expf(-{}))"}
_TEMPLATES |= {"sign": "(float)(({0} > 0.0f) - ({0} < 0.0f))"}
# NaN wins, as in PyTorch
_TEMPLATES |= {
    name: f"{{0}} {sign} {{1}} || {{0}} != {{0}} ? {{0}} : {{1}}" for name, sign in (("minimum", "<"), ("maximum", ">"))
}
_NO_BOUNDS = -math.inf, math.inf
# names that a local variable must not have
_TAKEN = [*KEYWORDS, "state", "asm", "near", "far"]
_OURS = re.compile(r"[vxyti]\d*|[a-z0-9]+f|.*_t")


class Lines:
    """The statements that compute programs, collected in order.

    Example:
        >>> from snn_core.programs import Instruction
        >>> lines = Lines()
        >>> halved = Program(("x",), (Instruction("mul", (Register(0), 0.5)),), {"mem": Register(1)})
        >>> lines.computed(halved, {"x": "x0[i]"})
        {'mem': 'v0'}
        >>> lines.text
        ['const float v0 = x0[i] * 0x1p-1f;']
    """

    def __init__(self) -> None:
        self.text: list[str] = []
        self._conditions: set[str] = set()
        self._count = 0

    def computed(self, program: Program, values: Mapping[str, str]) -> dict[str, str]:
        """Add the computation of a program.

        Args:
            program: The program.
            values: Its inputs by name, each an expression without side effects that needs no brackets.

        Returns:
            Its outputs by name, each as the expression of a number.
        """
        registers = [values[name] for name in program.inputs]

        def value(operand: Any) -> str:
            return registers[operand.number] if isinstance(operand, Register) else _literal(operand)

        for name, operands in program.instructions:
            if name == "clamp":
                bounds = [None if o == none else value(o) for o, none in zip(operands[1:], _NO_BOUNDS, strict=True)]
                registers.append(self._clamped(value(operands[0]), *bounds))
            else:
                registers.append(self._instruction(name, [*map(value, operands)]))
        return {name: self._as_number(value(operand)) for name, operand in program.outputs.items()}

    def _instruction(self, name: str, operands: Sequence[str]) -> str:
        if name in ("and", "or", "xor", "not"):
            return self._assigned(_TEMPLATES[name], [*map(self._as_condition, operands)], condition=True)
        if name == "where":
            condition, *others = operands
            return self._assigned(_TEMPLATES[name], [self._as_condition(condition), *map(self._as_number, others)])
        if name == "add" and all(operand in self._conditions for operand in operands):
            return self._assigned(_TEMPLATES["or"], operands, condition=True)  # like PyTorch's sum of conditions
        values = [*map(self._as_number, operands)]
        if name == "number":
            return values[0]
        if name not in _TEMPLATES:
            raise Refusal(f"a step computes '{name}', which has no form in C")
        return self._assigned(_TEMPLATES[name], values, condition=name in CONDITIONS)

    def _clamped(self, x: str, low: str | None, high: str | None) -> str:
        x = self._as_number(x)
        if low is not None:
            x = self._assigned("{0} < {1} ? {1} : {0}", [x, low])
        return x if high is None else self._assigned("{0} > {1} ? {1} : {0}", [x, high])

    def _as_number(self, name: str) -> str:
        return self._assigned("{} ? 1.0f : 0.0f", [name]) if name in self._conditions else name

    def _as_condition(self, name: str) -> str:
        return name if name in self._conditions else self._assigned("{} != 0.0f", [name], condition=True)

    def _assigned(self, template: str, operands: Sequence[str], condition: bool = False) -> str:
        name = f"v{self._count}"
        self._count += 1
        bracketed = [f"({o})" if o.startswith("-") else o for o in operands]
        self.text.append(f"const {'int' if condition else 'float'} {name} = {template.format(*bracketed)};")
        if condition:
            self._conditions.add(name)
        return name


def _literal(value: float) -> str:
    try:
        return number(float(value))
    except ValueError:
        raise Refusal(f"a step computes with the number {value}, which has no literal in C") from None


def index(shape: Sequence[int], whole: Sequence[int]) -> str | None:
    """Return the C index into a tensor for the i-th number of a tensor that it broadcasts to; None if no formula fits.

    Example:
        >>> index((4, 3), (4, 3)), index((4, 1, 1), (4, 3, 3)), index((3,), (4, 3)), index((), (4, 3))
        ('i', 'i / 9', 'i % 3', '0')
    """
    padded = (1,) * (len(whole) - len(shape)) + tuple(shape)
    own = [axis for axis, size in enumerate(padded) if size > 1]
    if not own:
        return "0"
    first, last = own[0], own[-1]
    if any(padded[axis] != whole[axis] for axis in range(first, last + 1)):
        return None
    inner, count = math.prod(whole[last + 1 :]), math.prod(whole[first : last + 1])
    text = f"i / {inner}" if inner > 1 else "i"
    return text if math.prod(whole[:first]) == 1 else f"{text} % {count}"


class Loop:
    """A loop over the numbers of a tensor, to which inputs and outputs are added."""

    def __init__(self, shape: Sequence[int], path: str, names: Names) -> None:
        self.shape: tuple[int, ...] = tuple(shape)
        self.arrays: list[Array] = []
        self.lines: Lines = Lines()
        self._path = path
        self._names = names
        self._before: list[str] = []
        self._loads: list[str] = []
        self._stores: list[str] = []
        self._locals: set[str] = set()

    def load(self, pointer: str, what: str, shape: Sequence[int] | None = None) -> str:
        """Read a number of an array in every iteration, and return the local variable."""
        place = index(self.shape if shape is None else shape, self.shape)
        if place is None:
            raise Refusal(f"{what} of shape {tuple(shape or ())} is broadcast along an axis between others")
        return self.load_at(pointer, place, what)

    def load_at(self, pointer: str, place: str, what: str) -> str:
        """Read a number of an array at an index, an expression of ``i``."""
        name = self._local(what)
        self._loads.append(f"const float {name} = {pointer}[{place}];")
        return name

    def line(self, text: str) -> None:
        """Add a line to every iteration, before any computation."""
        self._loads.append(text)

    def constant(self, what: str, value: Tensor) -> str:
        """Read a constant that broadcasts to the tensor, and return the local variable."""
        value = value.detach().to(torch.float32)
        while value.dim() > len(self.shape) and value.shape[0] == 1:  # the axis of the batch
            value = value.squeeze(0)
        if value.numel() == 1:
            try:
                literal = number(float(value))
            except ValueError as error:
                raise Refusal(f"{what}: {error}") from None
            name = self._local(what)
            self._before.append(f"const float {name} = {literal};")
            return name
        padded = value.reshape((1,) * (len(self.shape) - value.dim()) + tuple(value.shape))
        if index(padded.shape, self.shape) is None:
            padded = padded.expand(self.shape)
        sizes = "][".join(map(str, value.shape))
        array = self._names.array(self._path, what, "float", padded, f"{comment(what)} [{sizes}]")
        self.arrays.append(array)
        return self.load(array.name, what, padded.shape)

    def store(self, pointer: str, value: str) -> None:
        """Write a number of an array in every iteration, after all are computed."""
        self._stores.append(f"{pointer}[i] = {value};")

    def body(self) -> list[str]:
        """Return the lines of the loop."""
        head = f"for (int i = 0; i < {math.prod(self.shape)}; i++) {{"
        return blocks(*self._before, head, *self._loads, *self.lines.text, *self._stores, "}")

    def _local(self, what: str) -> str:
        plain = re.sub(r"[^a-z0-9]+", "_", what.lower())[:40].strip("_")
        if not plain[:1].isalpha() or plain in _TAKEN or _OURS.fullmatch(plain):
            plain = f"the_{plain}"
        return taken(plain, self._locals)
