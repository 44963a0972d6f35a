"""Instructions of step programs as Triton expressions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from snn_core.programs import CONDITIONS, Program, Register, written

__all__ = ["Lines", "Unknown"]

# Triton rounds a division or a root to the nearest only on request, and contracts nothing with the options used here
_ROUNDED = {"float32": {"div": "tl.div_rn({}, {})", "sqrt": "tl.sqrt_rn({})"}}
_ROUNDED["float64"] = {"sqrt": "tl.sqrt({})"}
_LIBRARY = ("rsqrt", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "floor", "pow")
_NAN_TOO = "propagate_nan=tl.PropagateNan.ALL"
_INFIX = "add sub mul div gt ge lt le eq ne and or xor".split()
_TEMPLATES = {name: written(name, ["{}", "{}"]) for name in _INFIX}
_TEMPLATES |= {name: f"libdevice.{name}({{}}{', {}' * (name == 'pow')})" for name in _LIBRARY}
_TEMPLATES |= {"abs": "tl.abs({})", "square": "{0} * {0}", "not": "{} == 0", "where": "tl.where({}, {}, {})"}
_TEMPLATES |= {name: f"tl.{name}({{}}, {{}}, {_NAN_TOO})" for name in ("minimum", "maximum")}
_TEMPLATES |= {"round": "libdevice.rint({})"}


class Unknown(Exception):
    """Error raised for a program that has no kernel; its message is the reason."""


class Lines:
    """The lines of a kernel's body, to which programs are added.

    Args:
        dtype: Dtype of the computation: ``"float32"`` or ``"float64"``.

    Example:
        >>> from snn_core.programs import Instruction
        >>> lines = Lines("float32")
        >>> halved = Program(("x",), (Instruction("div", (Register(0), 2.0)),), {"mem": Register(1)})
        >>> lines.computed(halved, {"x": "x"})
        {'mem': 'v0'}
        >>> print(lines)
        c0 = tl.full([BLOCK], 2.0, tl.float32)
        v0 = tl.div_rn(x, c0)
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self._lines: list[str] = []
        self._numbers: dict[str, str] = {}
        self._conditions: set[str] = set()
        self._indent = ""
        self._count = 0

    def __str__(self) -> str:
        numbers = [f"{name} = {self._everywhere(value)}" for value, name in self._numbers.items()]
        return "\n".join([*numbers, *self._lines])

    def add(self, *lines: str) -> None:
        """Add lines unchanged, at the current depth."""
        self._lines += [self._indent + line for line in lines]

    def deeper(self, head: str) -> None:
        """Begin a block, such as a loop."""
        self.add(head)
        self._indent += "    "

    def back(self) -> None:
        """End a block."""
        self._indent = self._indent[:-4]

    def number(self, value: float) -> str:
        """Return the name of a number, in all columns."""
        text = repr(float(value)) if math.isfinite(value) else f'float("{float(value)}")'
        return self._numbers.setdefault(text, f"c{len(self._numbers)}")

    def computed(self, program: Program, values: Mapping[str, str]) -> dict[str, str]:
        """Add the computation of a program.

        Args:
            program: The program.
            values: Its inputs by name, each the name of a local variable.

        Returns:
            Its outputs by name, each the name of a number for each column.

        Raises:
            Unknown: If kernels do not have an instruction.
        """
        registers = [values[name] for name in program.inputs]

        def value(operand: Any) -> str:
            return registers[operand.number] if isinstance(operand, Register) else self.number(operand)

        for name, operands in program.instructions:
            registers.append(self._instruction(name, [*map(value, operands)]))
        return {name: self._as_number(value(operand)) for name, operand in program.outputs.items()}

    def is_zero(self, name: str) -> bool:
        """Return True if a name stands for the number zero."""
        return name in (self._numbers.get("0.0"), self._numbers.get("-0.0"))

    def _everywhere(self, value: str) -> str:
        if value == "-0.0":  # Triton turns every zero into the positive one
            return f"{self._everywhere('0.0')} * -1.0"
        return f"tl.full([BLOCK], {value}, tl.{self.dtype})"

    def _instruction(self, name: str, operands: Sequence[str]) -> str:
        if name in ("and", "or", "xor", "not"):
            return self._assigned(_TEMPLATES[name], [*map(self._as_condition, operands)], condition=True)
        if name == "where":
            condition, *others = operands
            return self._assigned(_TEMPLATES[name], [self._as_condition(condition), *map(self._as_number, others)])
        if name == "add" and all(operand in self._conditions for operand in operands):
            return self._assigned(_TEMPLATES["or"], operands, condition=True)  # like PyTorch's sum of conditions
        numbers = [*map(self._as_number, operands)]
        if name == "number":
            return numbers[0]
        if name == "clamp":
            return self._clamped(*numbers)
        if name == "neg":  # Triton subtracts from zero, which loses the sign of a zero
            return self._instruction("mul", [*numbers, self.number(-1.0)])
        if name == "reciprocal":
            return self._instruction("div", [self.number(1.0), *numbers])
        if name == "sigmoid":
            below = self._instruction("exp", [self._instruction("neg", numbers)])
            return self._instruction("reciprocal", [self._instruction("add", [self.number(1.0), below])])
        if name == "sign":
            sides = [self._instruction(side, [*numbers, self.number(0.0)]) for side in ("gt", "lt")]
            return self._instruction("sub", sides)
        template = _ROUNDED[self.dtype].get(name) or _TEMPLATES.get(name)
        if template is None:
            raise Unknown(f"a step computes '{name}', which its kernel does not support")
        return self._assigned(template, numbers, condition=name in CONDITIONS)

    def _clamped(self, x: str, low: str, high: str) -> str:
        bounded = x if low == self._numbers.get('float("-inf")') else self._instruction("maximum", [x, low])
        return bounded if high == self._numbers.get('float("inf")') else self._instruction("minimum", [bounded, high])

    def _as_number(self, name: str) -> str:
        return self._assigned(f"{{}}.to(tl.{self.dtype})", [name]) if name in self._conditions else name

    def _as_condition(self, name: str) -> str:
        return name if name in self._conditions else self._assigned("{} != 0", [name], condition=True)

    def _assigned(self, template: str, operands: Sequence[str], condition: bool = False) -> str:
        name = f"v{self._count}"
        self._count += 1
        self.add(f"{name} = {template.format(*operands)}")
        if condition:
            self._conditions.add(name)
        return name
