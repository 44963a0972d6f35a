"""Instructions of step programs as statements in C."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from snn_core.programs import CONDITIONS, Program, Register, written
from snn_export.c.arrays import number
from snn_export.c.routine import Refusal

__all__ = ["Lines"]

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
