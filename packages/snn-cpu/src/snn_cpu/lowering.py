"""Step programs as values that depend on each other, for the needs of one call, and their code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_core.programs import CONDITIONS, Program, Register, StepProgram
from snn_core.programs import walk as walk_back
from snn_cpu.code import BINARY, UNARY, Node, Row, assembled

__all__ = ["BackwardCode", "ForwardCode", "backward_code", "forward_code", "refusal"]

_MOST = 400  # instructions of a step, far more than any known neuron has
_KNOWN = BINARY | UNARY | {"where", "clamp", "number"}


class ForwardCode(NamedTuple):
    """The code of a step, ``int64[instructions, 3]``, its number of temporary rows, and ``float64`` numbers."""

    step: Tensor
    temporaries: int
    numbers: Tensor


class BackwardCode(NamedTuple):
    """The code of a step's states alone, of the last step backward and of earlier steps, and the numbers."""

    again: Tensor
    again_temporaries: int
    last: Tensor
    last_temporaries: int
    back: Tensor
    back_temporaries: int
    numbers: Tensor


def refusal(program: StepProgram) -> str | None:
    """Return the reason why the machine cannot run a program, or None if it can."""
    for part in (program.forward, program.backward):
        if len(part.instructions) > _MOST:
            return f"a step of {len(part.instructions)} instructions; its kernel takes up to {_MOST}"
        for name, operands in part.instructions:
            if name not in _KNOWN:
                return f"a step computes '{name}', which its kernel does not support"
            if name == "clamp" and any(bound != bound for bound in operands):
                return "a step clamps to NaN, which its kernel does not support"
    return None


def forward_code(program: StepProgram, window: Program | None = None) -> ForwardCode:
    """Return the code of a step, with a window's condition as its last row if there is one."""
    values = _Values()
    outputs = _forward(values, program)
    ends = [(Row("spk"), outputs["emitted"])]
    ends += [(Row("after", k), outputs[name]) for k, name in enumerate(program.states)]
    if window is not None:
        inside = _computed(values, window, _inputs(values, program))["inside"]
        ends.append((Row("inside"), inside))
    slots = _slots(values, program, [row for row, _ in ends if row.kind in ("spk", "inside")])
    return ForwardCode(*_assembled(values.nodes, ends, {"after"}, slots), values.numbers())


def backward_code(program: StepProgram, spk: bool, states: Sequence[bool], trace: bool, need_x: bool) -> BackwardCode:
    """Return the codes of a backward pass.

    Args:
        program: The step program.
        spk: True if the spikes have a gradient.
        states: True for each state that has one.
        trace: True if they are gradients of every step's states, False if of the last states.
        need_x: True if the gradient of the input is needed.
    """
    values = _Values()
    outputs = _forward(values, program)
    names = program.states
    for k, name in enumerate(names):  # these need not be computed again
        values.rename(outputs[name], Row("after", k))
    known = _inputs(values, program)
    known["d emitted"] = values.row(Row("upstream spk"))
    walk = walk_back(program, spk, states, trace)

    def computed(step: Program, follows: Sequence[bool]) -> dict[str, int]:
        """Return the gradients in a step, given the states that have a gradient from the following step."""
        for k, name in enumerate(names):
            parts = [values.row(Row("next", k))] if follows[k] else []
            parts += [values.row(Row("upstream", k))] if trace and states[k] else []
            if parts:
                known[f"d {name}"] = values.operation("add", *parts) if len(parts) == 2 else parts[0]
        return _computed(values, step, known)

    last = computed(walk.last, [present and not trace for present in states])
    before = computed(walk.before, walk.follows)
    count, sums = range(len(names)), range(len(program.sums))
    inputs = [Row("upstream spk"), *(Row("upstream", k) for k in count), *(Row("next", k) for k in count)]
    inputs += [Row("sum before", j) for j in sums]
    written = [Row("grad x"), *(Row("grad", k) for k in count), *(Row("sum", j) for j in sums)]
    ends = []
    for gradients in (last, before):
        ends.append([(Row("grad x"), gradients["d x"])] if need_x else [])
        ends[-1] += [(Row("grad", k), gradients[f"d {n}"]) for k, n in enumerate(names) if states[k] or walk.follows[k]]
        for j, name in enumerate(program.sums):
            so_far = values.row(Row("sum before", j))
            total = so_far if values.is_zero(gradients[name]) else values.operation("add", gradients[name], so_far)
            ends[-1].append((Row("sum", j), total))
    slots = _slots(values, program, [*inputs, *written])
    of_last, of_others = (_assembled(values.nodes, each, {"grad", "sum"}, slots) for each in ends)
    of_states = [(Row("after", k), outputs[name]) for k, name in enumerate(names)]
    again = _assembled(values.original, of_states, {"after"}, _slots(values, program, [Row("spk")]))
    return BackwardCode(*again, *of_last, *of_others, values.numbers())


def _assembled(
    nodes: Sequence[Node], outputs: Sequence[tuple[Row, int]], readable: set[str], slots: dict[Row, int]
) -> tuple[Tensor, int]:
    code, temporaries = assembled(nodes, outputs, frozenset(readable), slots)
    return torch.tensor(code, dtype=torch.int64, device="cpu").view(-1, 3), temporaries


def _slots(values: _Values, program: StepProgram, more: Sequence[Row]) -> dict[Row, int]:
    """Number the slots in the order of csrc/program.h."""
    states = range(len(program.states))
    rows = [Row("x"), *(Row("before", k) for k in states)]
    rows += [Row("coefficient", j, True) for j in range(len(program.coefficients))]
    rows += [Row("number", i, True, number) for i, number in enumerate(values.number.values())]
    rows += [*(Row("after", k) for k in states), *more]
    return {row: slot for slot, row in enumerate(rows)}


def _inputs(values: _Values, program: StepProgram) -> dict[str, int]:
    known = {"x": values.row(Row("x"))}
    known |= {name: values.row(Row("before", k)) for k, name in enumerate(program.states)}
    return known | {n: values.row(Row("coefficient", j, True)) for j, n in enumerate(program.coefficients)}


def _forward(values: _Values, program: StepProgram) -> dict[str, int]:
    return _computed(values, program.forward, _inputs(values, program))


def _computed(values: _Values, program: Program, known: dict[str, int]) -> dict[str, int]:
    """Return a program's outputs as nodes."""
    registers = [known[name] for name in program.inputs]
    numbers: set[int] = set()  # the registers of conditions that were turned into numbers, which are the same nodes

    def node(operand: Any) -> Any:
        return registers[operand.number] if isinstance(operand, Register) else values.constant(operand)

    for name, operands in program.instructions:
        if name == "number":
            numbers.add(len(registers))
        elif name == "add" and not any(isinstance(o, Register) and o.number in numbers for o in operands):
            name = "or" if all(values.is_condition(node(o)) for o in operands) else name  # as PyTorch adds conditions
        registers.append(values.instruction(name, [node(o) for o in operands]))
    return {name: node(operand) for name, operand in program.outputs.items()}


class _Values:
    """The values of a step, in which equal values are one node."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.number: dict[str, float] = {}
        self._known: dict[Node, int] = {}
        self._renamed: dict[int, Node] = {}

    @property
    def original(self) -> list[Node]:
        """The nodes as they were before any was renamed."""
        return [self._renamed.get(i, node) for i, node in enumerate(self.nodes)]

    def numbers(self) -> Tensor:
        """Return the numbers that instructions use."""
        return torch.tensor([*self.number.values()], dtype=torch.float64, device="cpu")

    def row(self, row: Row) -> int:
        return self._node(Node("row", (row,)))

    def rename(self, node: int, row: Row) -> None:
        """Make the value of an operation be read from its row."""
        if self.nodes[node].operation != "row":
            self._renamed[node], self.nodes[node] = self.nodes[node], Node("row", (row,))

    def constant(self, number: float) -> int:
        number = self.number.setdefault(number.hex(), number)  # NaN too, and zero by its sign
        place = [*self.number].index(number.hex())
        return self.row(Row("number", place, True, number))

    def instruction(self, name: str, nodes: Sequence[int]) -> int:
        """Return the node of an instruction, expressed in operations of the machine."""
        if name == "number":
            return nodes[0]
        if name in ("gt", "lt") and self._value(nodes[1]) == 0.0 and self.nodes[nodes[0]].operation == "sub":
            return self.operation(name, *self.nodes[nodes[0]].operands)  # for numbers, a - b > 0 only where a > b
        return self._clamped(*nodes) if name == "clamp" else self.operation(name, *nodes)

    def operation(self, name: str, *operands: int) -> int:
        """Return the node of an operation of the machine."""
        if name == "add":  # a + -b and a - b are the same, including the sign of zero
            for b, a in (operands, operands[::-1]):
                if self.nodes[b].operation == "neg":
                    return self.operation("sub", a, *self.nodes[b].operands)
        if name == "mul":  # a negation may come after a product instead of before it
            for b, a in (operands, operands[::-1]):
                if self.nodes[b].operation == "neg":
                    return self.operation("neg", self.operation("mul", a, *self.nodes[b].operands))
        return self._node(Node(name, operands))

    def _clamped(self, x: int, low: int, high: int) -> int:
        bounds = self._value(low), self._value(high)
        if None not in bounds:
            return self.operation("clamp", x, low, high)
        if bounds[0] != float("-inf"):
            x = self.operation("maximum", x, low)
        return x if bounds[1] == float("inf") else self.operation("minimum", x, high)

    def is_zero(self, node: int) -> bool:
        """Return True if a node is the number zero."""
        return self._value(node) == 0.0

    def _value(self, node: int) -> float | None:
        """Return the number that a node stands for, or None if it is not a number."""
        operation, operands = self.nodes[node]
        return operands[0].number if operation == "row" else None

    def is_condition(self, node: int) -> bool:
        """Return True if a node was computed as a condition, true or false."""
        return self._renamed.get(node, self.nodes[node]).operation in CONDITIONS

    def _node(self, node: Node) -> int:
        if node not in self._known:
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return self._known[node]
