"""Code that would read or write where it must not is refused, and so is a program that has no code."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core.engines import Arguments, Upstream
from snn_core.programs.program import Instruction, Program, Register, StepProgram
from snn_cpu.interpreter import Interpreter
from snn_cpu.lowering import backward_code, forward_code

from .programs import NOTHING, of_neuron, of_one_step

LOAD, STORE, ADD = 0, 1, 2
X, BEFORE, COEFFICIENT, NUMBER, AFTER, SPIKES, TEMPORARY = range(7)  # the slots of a step with one of each


def forward(code: list[list[int]], temporaries: int = 1, **more: Any) -> list[Tensor]:
    tensors = {"x": torch.ones(3, 7), "states": [torch.ones(7)], "coefficients": [torch.tensor(2.0)]} | more
    numbers = torch.tensor([3.0], dtype=torch.float64)
    laid = torch.tensor(code, dtype=torch.int64).view(-1, 3)
    return torch.ops.snn_cpu.program_forward(laid, temporaries, numbers, *tensors.values(), False, False)


def test_code_runs_as_it_is_written() -> None:
    code = [[LOAD, X, 0], [ADD, NUMBER, 0], [STORE, TEMPORARY, 0], [ADD, BEFORE, 0], [STORE, AFTER, 0]]
    spikes, last, _ = forward([*code, [LOAD, TEMPORARY, 0], [ADD, COEFFICIENT, 0], [STORE, SPIKES, 0]])
    assert spikes.unique().tolist() == [6]
    assert last.unique().tolist() == [13]


@pytest.mark.parametrize("slot", [-1, SPIKES, TEMPORARY + 1, 2**40], ids=str)
def test_a_slot_that_must_not_be_read(slot: int) -> None:
    with pytest.raises(RuntimeError, match=f"instruction 1 must not use slot {slot}"):
        forward([[LOAD, X, 0], [ADD, slot, 0]])


@pytest.mark.parametrize("slot", [-1, X, BEFORE, COEFFICIENT, NUMBER, TEMPORARY + 1], ids=str)
def test_a_slot_that_must_not_be_written(slot: int) -> None:
    with pytest.raises(RuntimeError, match=f"instruction 0 must not use slot {slot}"):
        forward([[STORE, slot, 0]])


@pytest.mark.parametrize("operation", [-1, 50, 2**40])
def test_an_operation_that_there_is_not(operation: int) -> None:
    with pytest.raises(RuntimeError, match=f"no operation {operation}"):
        forward([[operation, X, 0]])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"x": torch.ones(0, 7)}, "with at least one step"),
        ({"x": torch.ones(7)}, r"x must be \[steps, columns\]"),
        ({"x": torch.ones(3, 7, 1)}, r"x must be \[steps, columns\]"),
        ({"x": torch.ones(7, 3).mT}, "dense in its steps"),
        ({"states": [torch.ones(6)]}, "a state must be contiguous, of the dtype of x, and have 7 elements; it has 6"),
        ({"states": [torch.ones(7).double()]}, "a state must be .* of the dtype of x"),
        ({"states": [torch.ones(14)[::2]]}, "a state must be contiguous"),
        ({"coefficients": [torch.ones(8)]}, "a coefficient must be .* 7 elements; it has 8"),
    ],
    ids=str,
)
def test_tensors_that_do_not_fit(more: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        forward([[LOAD, X, 0]], **more)


@pytest.mark.parametrize("temporaries", [-1, 10**6])
def test_a_number_of_temporary_rows_out_of_range(temporaries: int) -> None:
    with pytest.raises(RuntimeError, match=f"0 to 4096 temporary rows, got {temporaries}"):
        forward([[LOAD, X, 0]], temporaries)


def backward(
    code: list[list[int]], grad_spk: Tensor, grad_state: Tensor, need_x: bool, sums: int = 1, over: bool = False
) -> list[Tensor]:
    """A backward pass of one state: slots from the gradient of spikes on are 3 to 9."""
    again = torch.tensor([[LOAD, 1, 0], [STORE, 2, 0]])
    laid = torch.tensor(code).view(-1, 3)
    none, x, state = torch.empty(0, dtype=torch.float64), torch.ones(3, 7), [torch.ones(7)]
    stored = torch.empty(0, 1, 7)
    return torch.ops.snn_cpu.program_backward(
        again, 0, laid, 0, laid, 0, none, grad_spk, [grad_state], x, state, [], stored, sums, False, need_x, over
    )


def test_inputs_that_cannot_be_overwritten_are_refused() -> None:
    nothing = torch.empty(0)
    with pytest.raises(RuntimeError, match="no gradient of x to overwrite the gradient of the spikes"):
        backward([[LOAD, 3, 0]], torch.ones(3, 7), nothing, need_x=False, over=True)
    with pytest.raises(RuntimeError, match="the gradient of the spikes must be contiguous"):
        backward([[LOAD, 3, 0]], torch.ones(1, 7).expand(3, 7), nothing, need_x=True, over=True)
    with pytest.raises(RuntimeError, match=r"the gradient of the spikes must be contiguous.*has 0"):
        backward([[LOAD, 3, 0]], nothing, nothing, need_x=True, over=True)


def test_gradients_that_are_not_given_or_not_asked_for_have_no_slot() -> None:
    grad, none = torch.ones(3, 7), torch.empty(0)
    grad_spk, upstream, following, sum_before, grad_x, grad_state, total = range(3, 10)
    code = [[LOAD, grad_spk, 0], [ADD, following, 0], [STORE, grad_x, 0], [STORE, grad_state, 0]]
    code += [[LOAD, sum_before, 0], [ADD, following, 0], [STORE, total, 0]]
    of_x, of_state, summed = backward(code, grad, none, True)
    assert of_x.select(1, 0).tolist() == [3, 2, 1]
    assert of_state.unique().tolist() == [3]
    assert summed.unique().tolist() == [3]
    with pytest.raises(RuntimeError, match=f"instruction 0 must not use slot {grad_spk}"):
        backward(code, none, none, True)
    with pytest.raises(RuntimeError, match=f"instruction 2 must not use slot {grad_x}"):
        backward(code, grad, none, False)
    with pytest.raises(RuntimeError, match=f"instruction 0 must not use slot {upstream}"):
        backward([[LOAD, upstream, 0]], grad, torch.ones(1, 7), True)
    with pytest.raises(RuntimeError, match="0 to 4096 sums, got 1 and -1"):
        backward(code, grad, none, True, sums=-1)


def test_refusals_name_their_reason() -> None:
    machine, program = Interpreter(), of_one_step("add", ["x", "mem"])
    assert machine.refuses(program, torch.float32) is None
    assert machine.refuses(program, torch.bfloat16) == "bfloat16 input; the kernels take float32 and float64"
    reason = machine.refuses(of_one_step("erf", ["x"]), torch.float32)
    assert reason == "a step computes 'erf', which its kernel does not support"
    clamped = of_one_step("clamp", ["x", math.nan, 1.0])
    assert machine.refuses(clamped, torch.float64) == "a step clamps to NaN, which its kernel does not support"
    long = tuple(Instruction("add", (Register(0), Register(i))) for i in range(401))
    steps = Program(("x",), long, {"emitted": Register(401)})
    for parts in ((steps, NOTHING), (NOTHING, steps)):
        reason = machine.refuses(StepProgram(NOTHING, *parts, NOTHING), torch.float32)
        assert reason == "a step of 401 instructions; its kernel takes up to 400"


def test_a_step_backward_reads_states_that_are_known_and_computes_what_it_must() -> None:
    """The step of the default neuron takes as many instructions as if written by hand."""
    program, _ = of_neuron(snn.Leaky(0.9), torch.float32)
    assert len(forward_code(program).step) == 6
    code = backward_code(program, True, (False,), False, True)
    assert (len(code.again), len(code.back)) == (4, 11)


def test_a_reset_to_zero_takes_one_instruction_for_each_state() -> None:
    """It compares anew for each product with what is left, in place of keeping that in a row."""
    program, _ = of_neuron(snn.Alpha(alpha=0.9, beta=0.8), torch.float32)
    assert len(forward_code(program).step) == 17


def test_values_wait_in_rows_of_outputs_that_are_computed_later() -> None:
    """Two values at a time wait in a step forward of these neurons, and up to five in a step backward."""
    alpha, _ = of_neuron(snn.Alpha(alpha=0.9, beta=0.8), torch.float32)
    assert forward_code(alpha).temporaries == 0
    adapting, _ = of_neuron(snn.SEAdLIF(beta=0.9, rho=0.8), torch.float32)
    back = backward_code(adapting, True, (False, False), False, True)
    assert (forward_code(adapting).temporaries, back.again_temporaries, back.back_temporaries) == (0, 0, 3)


def test_a_reset_result_times_itself() -> None:
    left = (
        Instruction("gt", (Register(1), Register(2))),
        Instruction("number", (Register(3),)),
        Instruction("sub", (1.0, Register(4))),
        Instruction("mul", (Register(5), Register(5))),
    )
    step = Program(("x", "s0", "a"), left, {"emitted": Register(6), "s0": Register(0)})
    program = StepProgram(Program(("a",), (), {"a": Register(0)}), step, NOTHING, NOTHING)
    x = torch.tensor([[0.2, 0.9, 0.5]])
    call = Arguments(torch.cat([x, x]), [x[0].flip(0)], [torch.tensor(0.5)], trace=False)
    out, _ = Interpreter().forward(program, call, False)
    assert out[0].tolist() == [[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]


def test_code_is_made_once_for_each_kind_of_call_and_forgotten_with_its_program() -> None:
    machine, (program, coefficients) = Interpreter(), of_neuron(snn.Leaky(0.9), torch.float32)
    call = Arguments(torch.ones(3, 7), [torch.ones(7)], coefficients, trace=False)
    for _ in range(3):
        _, saved = machine.forward(program, call, True)
        for need_x in (True, False):
            machine.backward(program, call, Upstream([call.x, None], saved, (need_x,)), torch.Size())
    assert [len(codes) for _, codes in machine._made._by_program.values()] == [3]
    del program
    assert machine._made._by_program == {}
