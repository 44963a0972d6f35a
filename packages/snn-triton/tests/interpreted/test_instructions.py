"""Every instruction of step programs computes what PyTorch computes, of special numbers too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from snn_core.engines import Arguments
from snn_core.programs.instructions import CONDITIONS, OPERATIONS, computed
from snn_core.programs.program import Instruction, Program, Register, StepProgram
from snn_triton.engine import Engine

from .comparison import ROUNDED, same_bits

UNARY = ["neg", "abs", "reciprocal", "square", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "tanh", "sigmoid"]
UNARY += ["sin", "cos", "sign", "floor", "round", "not"]
BINARY = ["add", "sub", "mul", "div", "minimum", "maximum", "pow", "gt", "ge", "lt", "le", "eq", "ne", "and", "or"]
BINARY += ["xor"]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.5, math.inf, -math.inf, math.nan]
SPECIAL += [1e-42, -1e-42, 5e-324, 3e38, -3e38, -88.5, 89.0, 0.49999997, 8388609.0]
# of the last place, where NumPy's series stand for a GPU's, and PyTorch's float64 for the exact value
UNITS = 8
every_dtype = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
NOTHING = Program((), (), {})
LIKE_NUMBERS = {"minimum", "maximum"}  # of zeros of both signs PyTorch takes one or the other, by their place in memory


def of_instructions(instructions: Sequence[Instruction], coefficients: tuple[str, ...] = ()) -> StepProgram:
    """The program whose spikes are the last of some instructions on ``x``, ``mem``, and coefficients."""
    inputs = ("x", "mem", *coefficients)
    emitted = Register(len(inputs) + len(instructions) - 1)
    forward = Program(inputs, tuple(instructions), {"emitted": emitted, "mem": Register(1)})
    once = Program(coefficients, (), {c: Register(n) for n, c in enumerate(coefficients)})
    return StepProgram(once, forward, Program((), (), {"d x": 0.0, "d mem": 0.0}), NOTHING)


def all_pairs(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Every special number, and some others, with each other."""
    values = 3 * torch.randn(10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    numbers = torch.cat([torch.tensor(SPECIAL, dtype=torch.float64), values]).to(dtype)
    return numbers.repeat(len(numbers)), numbers.repeat_interleave(len(numbers))


def agrees(name: str, result: Tensor, expected: Tensor, exact: Tensor) -> None:
    """Assert that a result is PyTorch's to the bit; or, of what is computed by series, near the exact one."""
    if name in LIKE_NUMBERS:
        result, expected = result + 0.0, expected + 0.0
    if name in ROUNDED:
        same_bits(result, expected)
        return
    assert torch.equal(result.isnan(), exact.isnan())
    infinite = exact.isinf()
    assert torch.equal(result[infinite], exact[infinite])
    finite = exact.isfinite()
    near, there = exact[finite].double(), result[finite].double()
    unit = torch.finfo(exact.dtype).eps * near.abs().clamp_min(torch.finfo(exact.dtype).tiny)
    apart = (there - near).abs() / unit
    assert (apart <= UNITS).all(), f"{apart.max().item()} units"


def run(engine: Engine, name: str, operands: list[Any], by_name: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """An instruction's result, PyTorch's, and the exact one as far as PyTorch's float64 is."""
    coefficients, x = tuple(n for n in by_name if n not in ("x", "mem")), by_name["x"]
    inputs = ("x", "mem", *coefficients)
    registers = tuple(Register(inputs.index(o)) if isinstance(o, str) else o for o in operands)
    program = of_instructions([Instruction(name, registers)], coefficients)
    values = [by_name[c] for c in coefficients]
    (spikes, _), _ = engine.forward(program, Arguments(x[None], [by_name["mem"]], values, False), False)
    both = []
    for dtype in (x.dtype, torch.float64):
        if name in ("and", "or", "xor", "not", "where", "div"):  # 2 / x in Python is 1 / x times 2
            tensors = [by_name[o] if isinstance(o, str) else torch.tensor(o, dtype=x.dtype) for o in operands]
        else:
            tensors = [by_name[o] if isinstance(o, str) else o for o in operands]
        tensors = [t.to(dtype) if isinstance(t, Tensor) else t for t in tensors]
        if name == "where":
            tensors[0] = tensors[0] != 0
        both.append(computed(name, tensors, dtype).expand(x.shape).to(x.dtype))
    return spikes[0], *both


@pytest.fixture(scope="module")
def engine(wide_engine: Engine) -> Engine:
    return Engine("cpu", 1024, wide_engine._functions)


@every_dtype
@pytest.mark.parametrize("name", UNARY)
def test_operations_on_one_operand(name: str, dtype: torch.dtype, engine: Engine) -> None:
    x, mem = all_pairs(dtype)
    for operand in ("x", "mem"):
        agrees(name, *run(engine, name, [operand], {"x": x, "mem": mem}))


@every_dtype
@pytest.mark.parametrize("name", BINARY)
def test_operations_on_two_operands_of_any_kind(name: str, dtype: torch.dtype, engine: Engine) -> None:
    x, mem = all_pairs(dtype)
    tensors = {"x": x, "mem": mem, "one": torch.tensor(-1.5, dtype=dtype)}
    for operands in (["x", "mem"], ["mem", "x"], ["x", "x"], ["x", "one"], ["one", "mem"]):
        agrees(name, *run(engine, name, operands, tensors))
    for number in (0.75, 0.0, -0.0, 3.0, math.inf, -math.inf, math.nan):
        agrees(name, *run(engine, name, ["mem", number], tensors))
        agrees(name, *run(engine, name, [number, "x"], tensors))


@every_dtype
def test_a_choice_between_operands_of_any_kind(dtype: torch.dtype, engine: Engine) -> None:
    x, mem = all_pairs(dtype)
    tensors = {"x": x, "mem": mem, "fired": (mem > 0).to(dtype), "one": torch.tensor(-0.0, dtype=dtype)}
    for first, second in [("x", "mem"), ("mem", "one"), ("x", 0.0), (-0.0, "x"), (2.5, math.inf)]:
        agrees("where", *run(engine, "where", ["fired", first, second], tensors))
        agrees("where", *run(engine, "where", ["x", first, second], tensors))  # what is not zero is true, NaN too


@every_dtype
@pytest.mark.parametrize(
    "bounds", [(0.0, 1.0), (-math.inf, 0.5), (-0.5, math.inf), (1.0, -1.0), (0.0, math.inf)], ids=str
)
def test_a_clamp_keeps_nan(bounds: tuple[float, float], dtype: torch.dtype, engine: Engine) -> None:
    x, mem = all_pairs(dtype)
    result, expected, _ = run(engine, "clamp", ["x", *bounds], {"x": x, "mem": mem})
    same_bits(result + 0.0, expected + 0.0)


@every_dtype
@pytest.mark.parametrize("name", sorted(CONDITIONS))
def test_a_condition_counts_as_a_number_where_one_is_expected(name: str, dtype: torch.dtype, engine: Engine) -> None:
    x, mem = all_pairs(dtype)
    first, second = Register(2), Register(3)
    registers = (Register(0),) if name == "not" else (Register(0), Register(1))
    condition = computed(name, [x, mem][: len(registers)], dtype)
    for instructions, expected in [
        ([Instruction(name, registers)], condition),
        ([Instruction(name, registers), Instruction("number", (first,))], condition),
        ([Instruction(name, registers), Instruction("sub", (1.0, first))], ~condition),
        (
            [Instruction(name, registers), Instruction("not", (first,)), Instruction("xor", (first, second))],
            condition | True,
        ),
        (
            [Instruction(name, registers), Instruction("gt", (first, 0.5)), Instruction("add", (first, second))],
            condition,
        ),
        (
            [Instruction(name, registers), Instruction("number", (first,)), Instruction("and", (second, first))],
            condition,
        ),
    ]:
        (spikes, _), _ = engine.forward(of_instructions(instructions), Arguments(x[None], [mem], [], False), False)
        same_bits(spikes[0], expected.to(dtype))


def test_every_instruction_is_tested_here() -> None:
    assert {*UNARY, *BINARY, "where", "clamp", "number"} == {*OPERATIONS}
