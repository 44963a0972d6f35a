"""Sequences of step programs: what their steps give one after the other, at any size, in any layout, on any threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import snn_core as snn
from snn_core.engines import Arguments, Upstream
from snn_core.programs.program import Instruction, Program, Register, StepProgram
from snn_cpu.interpreter import Interpreter

from .programs import NOTHING, back_by_steps, by_steps, of_neuron
from .specification import same_bits
from .test_strides import LAYOUTS

MACHINE = Interpreter()
# sums over steps are taken in the dtype of the input for up to 32 steps
TOLERANCE = {torch.float32: 2e-6, torch.float64: 5e-15}

NEURONS = {
    "leaky": lambda: snn.Leaky(0.9, learn_beta=True, learn_threshold=True),
    "synaptic": lambda: snn.Synaptic(0.8, 0.9, reset_mechanism="zero", learn_alpha=True),
    "alpha": lambda: snn.Alpha(
        0.8, 0.7, reset_mechanism="subtract", learn_beta=True, spike_grad=snn.surrogate.sigmoid()
    ),
    "at once": lambda: snn.Synaptic(0.8, 0.9, reset_delay=False, spike_grad=snn.surrogate.triangular()),
    "silent": lambda: snn.Alpha(0.8, 0.7, spike_grad=snn.surrogate.no_gradient()),
}


def random_tensor(*shape: int, dtype: torch.dtype, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


class Run:
    """A program with all that it is called with."""

    def __init__(
        self,
        program: StepProgram,
        coefficients: Sequence[Tensor],
        steps: int,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        trace: bool = False,
    ) -> None:
        self.program, self.coefficients, self.trace = program, coefficients, trace
        self.x = random_tensor(steps, *shape, dtype=dtype, seed=1)
        self.states = [random_tensor(*shape, dtype=dtype, seed=2 + k) for k in range(len(program.states))]
        traced = (steps, *shape) if trace else shape
        self.grads: list[Tensor | None] = [random_tensor(steps, *shape, dtype=dtype, seed=11)]
        self.grads += [random_tensor(*traced, dtype=dtype, seed=12 + k) for k in range(len(program.states))]

    def forward(self, save: bool = True) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        return MACHINE.forward(self.program, self._call(), save)

    def _call(self) -> Arguments:
        return Arguments(self.x, self.states, self.coefficients, self.trace)

    def outcome(self, need_x: bool = True) -> list[Tensor]:
        """Return the results, forward and backward, each sum by column."""
        out, saved = self.forward()
        upstream = Upstream(self.grads, saved, (need_x,))
        back = MACHINE.backward(self.program, self._call(), upstream, self.x.shape[1:])
        return [*out, *[b for b in back if b is not None]]

    def expected(self) -> list[Tensor]:
        states = self.program, self.x, self.states, self.coefficients
        return [
            *by_steps(*states, self.trace),
            *back_by_steps(self.program, self.grads, *states[1:], self.trace),
        ]

    def agrees(self) -> None:
        """Assert that everything is the steps' to the bit, and sums up to rounding."""
        result, expected = self.outcome(), self.expected()
        sums = len(self.program.sums)
        for f, e in zip(result[: len(result) - sums], expected[: len(expected) - sums], strict=True):
            same_bits(f + 0.0, e + 0.0)  # a zero that nothing leads to has no sign
        for f, e in zip(result[len(result) - sums :], expected[len(expected) - sums :], strict=True):
            assert f.dtype == torch.float64
            scale = e.abs().max() * len(self.x) ** 0.5 + 1
            assert (f - e).abs().max() <= TOLERANCE[self.x.dtype] * scale


def neuron_run(name: str, *args, **options) -> Run:
    program, coefficients = of_neuron(NEURONS[name](), options["dtype"])
    return Run(program, coefficients, *args, **options)


DTYPES = [torch.float32, torch.float64]
# a tile is 16 to 128 columns wide, a block 512, and segments are 32 steps long; threads take 16 columns at a time
COLUMNS = [1, 3, 15, 16, 17, 64, 127, 129, 449, 511, 895, 897]


@pytest.mark.exhaustive
@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("steps", [1, 2, 31, 32, 33, 70])
def test_every_size(steps: int, columns: int, trace: bool) -> None:
    for name in ("leaky", "synaptic", "at once", "silent"):  # a sigmoid is not PyTorch's to the bit
        for dtype in DTYPES:
            neuron_run(name, steps, (1, columns), dtype=dtype, trace=trace).agrees()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("columns", [16, 112, 144, 656, 1200, 7, 129])
def test_rows_written_past_the_caches_hold_the_same_bits(columns: int, dtype: torch.dtype) -> None:
    for trace in (False, True):
        run = neuron_run("alpha", 33, (columns,), dtype=dtype, trace=trace)
        expected = run.outcome()
        before = torch.ops.snn_cpu.set_cache_size(0)
        try:
            result = run.outcome()
        finally:
            torch.ops.snn_cpu.set_cache_size(before)
        for f, e in zip(result, expected, strict=True):
            same_bits(f, e)


def test_nothing_is_kept_without_a_backward_pass() -> None:
    run = neuron_run("alpha", 70, (2, 65), dtype=torch.float32)
    (out, tensors), (_, saved) = run.forward(save=False), run.forward()
    assert tensors == ()
    assert [s.shape for s in saved] == [(2, 3, 130)]
    for o, e in zip(out, run.forward()[0], strict=True):
        same_bits(o, e)


@pytest.mark.parametrize("absent", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("trace", [False, True])
def test_gradients_that_are_zero_are_not_needed(trace: bool, absent: tuple[int, ...]) -> None:
    for name in ("synaptic", "at once"):
        run = neuron_run(name, 40, (2, 75), dtype=torch.float64, trace=trace)
        run.grads = [None if i in absent else g for i, g in enumerate(run.grads)]
        run.agrees()


def test_the_gradient_of_the_input_is_left_out_where_nobody_asks() -> None:
    run = neuron_run("leaky", 40, (2, 75), dtype=torch.float64)
    whole = run.outcome()
    for f, e in zip(run.outcome(need_x=False), [*whole[:2], *whole[3:]], strict=True):
        same_bits(f, e)


@pytest.mark.parametrize("shape", [(0,), (0, 7), (3, 0, 2)], ids=str)
def test_a_batch_of_nothing(shape: tuple[int, ...]) -> None:
    run = neuron_run("leaky", 5, shape, dtype=torch.float32)
    assert [f.shape for f in run.outcome()] == [(5, *shape), shape, (5, *shape), shape, shape, shape]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NEURONS)
def test_the_number_of_threads_changes_no_bit(name: str, dtype: torch.dtype) -> None:
    run = neuron_run(name, 33, (3, 17, 61), dtype=dtype)
    torch.set_num_threads(1)
    expected = run.outcome()
    for threads in range(2, 8):
        torch.set_num_threads(threads)
        for f, e in zip(run.outcome(), expected, strict=True):
            same_bits(f, e)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("trace", [False, True])
def test_any_layout_of_the_inputs(trace: bool, layout: Callable[[Tensor], Tensor]) -> None:
    run = neuron_run("synaptic", 34, (4, 3, 6, 5), dtype=torch.float64, trace=trace)
    run.coefficients = [*run.coefficients[:-1], torch.rand(3, 1, 1, dtype=torch.float64)]
    expected = run.outcome()
    run.x, run.states = layout(run.x), [layout(s) for s in run.states]
    run.grads = [layout(g) for g in run.grads if g is not None]
    for f, e in zip(run.outcome(), expected, strict=True):
        same_bits(f, e)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (0, 1, 2)], ids=str)
def test_gradients_and_states_that_are_expanded(axes: tuple[int, ...]) -> None:
    def expanded(t: Tensor) -> Tensor:
        return t[tuple(slice(0, 1) if a in axes else slice(None) for a in range(t.dim()))].expand_as(t)

    run = neuron_run("synaptic", 34, (7, 20), dtype=torch.float64)
    run.x, run.states = expanded(run.x), [expanded(s) for s in run.states]
    run.grads = [expanded(g) for g in run.grads if g is not None]
    run.agrees()


@pytest.mark.parametrize("shape", [(20,), (7, 1), (1, 1), (7, 20)], ids=str)
def test_coefficients_broadcast_from_the_right_and_may_be_of_another_dtype(shape: tuple[int, ...]) -> None:
    run = neuron_run("leaky", 34, (7, 20), dtype=torch.float32)
    threshold, beta = run.coefficients
    run.coefficients = [threshold.double(), 0.5 + 0.4 * torch.rand(shape)]
    result = run.outcome()
    run.coefficients = [threshold, run.coefficients[1].expand(7, 20)]
    for f, e in zip(result, run.expected(), strict=True):
        torch.testing.assert_close(f, e.to(f.dtype), rtol=1e-5, atol=1e-5)
    for f, e in zip(result[:-2], run.expected()[:-2], strict=True):
        same_bits(f, e)


def test_nan_and_infinity_go_where_the_steps_send_them() -> None:
    run = neuron_run("at once", 40, (2, 75), dtype=torch.float64)
    values = torch.tensor([torch.nan, torch.inf, -torch.inf, 1e308, -1e308], dtype=torch.float64)
    every_seventh = run.x.view(-1)[::7]
    every_seventh.copy_(values.repeat(len(every_seventh) // 5 + 1)[: len(every_seventh)])
    run.agrees()


@st.composite
def step_programs(draw: st.DrawFn) -> StepProgram:
    """Any program of one to three states: its backward step is any program too, not the gradient."""
    states = tuple(f"s{k}" for k in range(draw(st.integers(1, 3))))
    names = ("x", *states, "a", "b")

    def program(inputs: tuple[str, ...], outputs: Sequence[str]) -> Program:
        instructions: list[Instruction] = []
        numbers: list[int] = [*range(len(inputs))]
        conditions: list[int] = []
        for _ in range(draw(st.integers(3, 25))):
            number = len(inputs) + len(instructions)

            def operand() -> Register | float:
                if draw(st.integers(0, 9)) == 0:
                    return draw(st.sampled_from([0.0, 0.5, 1.0, -1.25]))
                return Register(draw(st.sampled_from(numbers[-7:])))  # late ones, or most is for nothing

            kind = draw(st.sampled_from(["binary", "binary", "unary", "compare", "where", "number", "clamp"]))
            first = Register(draw(st.sampled_from(numbers[-7:])))
            if kind == "number" and conditions:
                instruction = Instruction("number", (Register(draw(st.sampled_from(conditions[-2:]))),))
            elif kind == "where" and conditions:
                instruction = Instruction(
                    "where", (Register(draw(st.sampled_from(conditions[-2:]))), operand(), operand())
                )
            elif kind == "unary":
                name = draw(st.sampled_from(["neg", "abs", "square", "sign", "floor", "round", "reciprocal"]))
                instruction = Instruction(name, (first,))
            elif kind == "compare":
                name = draw(st.sampled_from(["gt", "ge", "lt", "le", "eq", "ne"]))
                instruction = Instruction(name, (first, operand()))
            elif kind == "clamp":
                instruction = Instruction("clamp", (first, -0.5, 2.0))
            else:
                name = draw(st.sampled_from(["add", "sub", "mul", "minimum", "maximum"]))
                instruction = Instruction(name, (first, operand()))
            instructions.append(instruction)
            if instruction.name in ("minimum", "maximum"):  # of 0 and -0 torch gives either, by the size of the tensor
                instructions.append(Instruction("add", (Register(number), 0.0)))
                number += 1
            (conditions if kind == "compare" else numbers).append(number)
        ends = {o: Register(draw(st.sampled_from(numbers[-4:]))) for o in outputs}
        return Program(inputs, tuple(instructions), ends)

    once = Program(("a", "b"), (), {"a": Register(0), "b": Register(1)})
    gradients = ("d emitted", *(f"d {s}" for s in states))
    sums = [f"sum {j}" for j in range(draw(st.integers(0, 2)))]
    backward = program((*names, *gradients), ["d x", *(f"d {s}" for s in states), *sums])
    return StepProgram(once, program(names, ["emitted", *states]), backward, NOTHING)


@pytest.mark.parametrize("as_numbers", [True, False])
def test_conditions_turned_into_numbers_are_added_as_numbers(as_numbers: bool) -> None:
    def program(inputs: tuple[str, ...], total: str, state: str) -> Program:
        first = len(inputs)  # the register of the first result
        conditions = Instruction("gt", (Register(0), 0.0)), Instruction("lt", (Register(0), 0.7))
        turned = Instruction("number", (Register(first),)), Instruction("number", (Register(first + 1),))
        added = first + 2 if as_numbers else first
        ends = Instruction("add", (Register(added), Register(added + 1))), Instruction("number", (Register(first + 4),))
        outputs = {total: Register(first + 5), state: Register(first - 1)}
        return Program(inputs, (*conditions, *turned, *ends), outputs)

    names = ("x", "s0", "a", "b")
    once = Program(("a", "b"), (), {"a": Register(0), "b": Register(1)})
    backward = program((*names, "d emitted", "d s0"), "d x", "d s0")
    whole = StepProgram(once, program(names, "emitted", "s0"), backward, NOTHING)
    run = Run(whole, [torch.tensor(1.0)] * 2, 3, (1, 40), torch.float32)
    both = (run.x > 0).float() + (run.x < 0.7).float()
    assert set(both.unique().tolist()) == {1.0, 2.0}
    assert torch.equal(run.forward()[0][0], both if as_numbers else both.clamp(max=1))
    run.agrees()


@settings(max_examples=200)
@given(
    program=step_programs(),
    steps=st.integers(1, 9),
    columns=st.integers(1, 150),
    trace=st.booleans(),
    rows=st.booleans(),
)
def test_any_program(program: StepProgram, steps: int, columns: int, trace: bool, rows: bool) -> None:
    coefficients = [torch.tensor(0.75, dtype=torch.float64), torch.linspace(-1, 1, columns, dtype=torch.float64)]
    if not rows:
        coefficients[1] = torch.tensor(-0.5, dtype=torch.float64)
    run = Run(program, coefficients, steps, (1, columns), torch.float64, trace)
    out = by_steps(program, run.x, run.states, coefficients, trace)
    for f, e in zip(run.forward()[0], out, strict=True):
        same_bits(f, e)
    result, expected = run.outcome(), run.expected()
    for f, e in zip(result, expected, strict=True):
        torch.testing.assert_close(f, e.to(f.dtype), rtol=1e-12, atol=1e-12, equal_nan=True)
