"""Every instruction of step programs computes what PyTorch computes, on any kind of operands and any values."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from snn_core.engines import Arguments
from snn_core.programs.instructions import CONDITIONS, OPERATIONS, computed, lowered
from snn_core.programs.program import Instruction, Program, Register, StepProgram
from snn_cpu.interpreter import Interpreter

from .programs import NOTHING, of_one_step
from .specification import same_bits

DTYPES = [torch.float32, torch.float64]
# in the last place, of what is computed by series; with float64 half of them may be those of PyTorch's own, which is
# taken for the exact value
UNITS = {torch.float32: 2, torch.float64: 4}
BY_SERIES = {"exp", "expm1", "log", "log1p", "tanh", "sigmoid", "sin", "cos", "pow"}
# PyTorch takes roots by a library that does not always round to the nearest
ROOTS = {"sqrt", "rsqrt"}
UNARY = ["neg", "abs", "reciprocal", "square", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "tanh", "sigmoid"]
UNARY += ["sin", "cos", "sign", "floor", "round", "not"]
BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "minimum",
    "maximum",
    "pow",
    "gt",
    "ge",
    "lt",
    "le",
    "eq",
    "ne",
    "and",
    "or",
    "xor",
]
SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    math.inf,
    -math.inf,
    math.nan,
    1e-42,
    -1e-42,
    3e38,
    -88.5,
    89,
]
SIZES = [1, 3, 17, 1030]


def values(columns: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Numbers of many sizes, and as many special ones as there is room for."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(columns, generator=generator, dtype=torch.float64) * 3
    numbers[: columns // 2] *= 10
    special = torch.tensor(SPECIAL, dtype=torch.float64).roll(seed)
    count = min(columns // 2, len(SPECIAL))
    numbers[torch.randperm(columns, generator=generator)[:count]] = special[:count]
    return numbers.to(dtype)


def agrees(name: str, result: Tensor, expected: Tensor, exact: Tensor) -> None:
    """Assert that a result is PyTorch's, or as near to the exact one as it is said to be."""
    if name in ROOTS:
        expected = exact
    if name in (
        "minimum",
        "maximum",
    ):  # of zeros of both signs PyTorch takes one or the other, by their place in memory
        result, expected = result + 0.0, expected + 0.0
    if name not in BY_SERIES | ROOTS:
        same_bits(result, expected)
        return
    assert torch.equal(result.isnan(), exact.isnan())
    infinite = exact.isinf()
    assert torch.equal(result[infinite], exact[infinite])
    near = exact[~exact.isnan() & ~infinite]
    unit = torch.nextafter(near.abs(), near.new_tensor(math.inf)) - near.abs()
    unit = torch.where(unit.isinf(), near.abs() - torch.nextafter(near.abs(), near.new_zeros(())), unit)
    apart = (result[~exact.isnan() & ~infinite].double() - near.double()).abs() / unit.double()
    assert (apart <= UNITS[result.dtype]).all(), f"{apart.max().item()} units"


def run(name: str, operands: list[str | float], values: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """An instruction's result, PyTorch's, and the exact one as far as PyTorch's float64 is."""
    program, x = of_one_step(name, operands), values["x"]
    coefficients = [values[c] for c in program.coefficients]
    (spikes, _), _ = Interpreter().forward(program, Arguments(x[None], [values["mem"]], coefficients, False), False)
    both = []
    for dtype in (x.dtype, torch.float64):
        if name in ("and", "or", "xor", "not", "where", "div"):  # 2 / x in Python is 1 / x times 2
            tensors = [values[o] if isinstance(o, str) else torch.tensor(o, dtype=x.dtype) for o in operands]
        else:
            tensors = [values[o] if isinstance(o, str) else o for o in operands]
        tensors = [t.to(dtype) if isinstance(t, Tensor) else t for t in tensors]
        if name == "where":
            tensors[0] = tensors[0] != 0
        both.append(computed(name, tensors, dtype).expand(x.shape).to(x.dtype))
    return spikes[0], *both


@pytest.mark.parametrize("columns", SIZES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_operations_on_one_operand(name: str, dtype: torch.dtype, columns: int) -> None:
    tensors = {"x": values(columns, dtype, 1), "mem": values(columns, dtype, 2)}
    for operand in ("x", "mem"):
        agrees(name, *run(name, [operand], tensors))


@pytest.mark.parametrize("columns", SIZES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_operations_on_two_operands_of_any_kind(name: str, dtype: torch.dtype, columns: int) -> None:
    tensors = {"x": values(columns, dtype, 1), "mem": values(columns, dtype, 2), "row": values(columns, dtype, 3)}
    for number in (0.75, -1.5, 0.0, 3.0, math.inf):
        tensors["one"] = torch.tensor(number, dtype=dtype)
        for first, second in [("x", "mem"), ("x", "row"), ("row", "x"), ("x", "x"), ("x", "one"), ("one", "mem")]:
            agrees(name, *run(name, [first, second], tensors))
        agrees(name, *run(name, ["mem", number], tensors))
        agrees(name, *run(name, [number, "x"], tensors))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("inner", ["abs", "mul", "sub"])
@pytest.mark.parametrize("name", BINARY)
def test_an_operand_that_was_computed_just_before_on_either_side(name: str, inner: str, dtype: torch.dtype) -> None:
    x, mem = values(77, dtype, 1), values(77, dtype, 2)
    first, second, computed_before = Register(0), Register(1), Register(2)
    for operands in ((second, computed_before), (computed_before, second)):
        before = Instruction(inner, (first,) if inner == "abs" else (first, second))
        steps = Program(("x", "mem"), (before, Instruction(name, operands)), {"emitted": Register(3), "mem": second})
        backward = Program((), (), {"d x": 0.0, "d mem": 0.0})
        program = StepProgram(NOTHING, steps, backward, NOTHING)
        (spikes, _), _ = Interpreter().forward(program, Arguments(x[None], [mem], [], False), False)
        value = computed(inner, [x] if inner == "abs" else [x, mem], dtype)
        tensors = {"x": value, "mem": mem}
        order = ["mem", "x"] if operands[0] == second else ["x", "mem"]
        expected = computed(name, [tensors[o] for o in order], dtype).to(dtype)
        exact = computed(name, [tensors[o].double() for o in order], torch.float64).to(dtype)
        agrees(name, spikes[0], expected, exact)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -0.5, 1.75])
def test_powers_that_pytorch_computes_in_ways_of_their_own(exponent: float, dtype: torch.dtype) -> None:
    x, mem = values(77, dtype, 1), values(77, dtype, 2)
    instructions: list[Instruction] = []

    def emit(name: str, *operands: Any) -> Register:
        instructions.append(Instruction(name, operands))
        return Register(1 + len(instructions))

    emitted = lowered("pow", (Register(0), exponent), {}, emit)
    steps = Program(("x", "mem"), tuple(instructions), {"emitted": emitted, "mem": Register(1)})
    program = StepProgram(NOTHING, steps, Program((), (), {"d x": 0.0, "d mem": 0.0}), NOTHING)
    (spikes, _), _ = Interpreter().forward(program, Arguments(x[None], [mem], [], False), False)
    expected, exact = x**exponent, (x.double() ** exponent).to(dtype)
    agrees("pow" if exponent in (0.5, -0.5, 1.75) else "mul", spikes[0], expected, exact)


@pytest.mark.parametrize("columns", SIZES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_choice_between_operands_of_any_kind(dtype: torch.dtype, columns: int) -> None:
    tensors = {"x": values(columns, dtype, 1), "mem": values(columns, dtype, 2), "one": torch.tensor(-0.0, dtype=dtype)}
    tensors["fired"] = (tensors["x"] > 0).to(dtype)
    tensors["row"] = tensors["fired"].flip(0)
    for first in ("x", "mem", "one", 2.5):
        for second in ("x", "mem", "one", 0.0):
            for condition in ("fired", "row"):
                agrees("where", *run("where", [condition, first, second], tensors))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "bounds", [(0.0, 1.0), (-math.inf, 0.5), (-0.5, math.inf), (1.0, -1.0), (0.0, math.inf)], ids=str
)
def test_a_clamp_keeps_nan_and_the_sign_of_zero(bounds: tuple[float, float], dtype: torch.dtype) -> None:
    tensors = {"x": values(77, dtype, 1), "mem": values(77, dtype, 2)}
    agrees("clamp", *run("clamp", ["x", *bounds], tensors))


def test_every_instruction_is_tested_here() -> None:
    assert {*UNARY, *BINARY, "where", "clamp", "number"} == {*OPERATIONS}
    assert {*BINARY, *UNARY} > CONDITIONS
