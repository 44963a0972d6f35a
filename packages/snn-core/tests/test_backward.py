"""Steps backward without some of the gradients: the same as with zeros, but never NaN because of these."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core.programs.backward import is_zero, walk, without
from snn_core.programs.program import Instruction, Program, Register, StepProgram

NEURONS = {
    "leaky": lambda: snn.Leaky(0.9, learn_beta=True, learn_threshold=True),
    "synaptic": lambda: snn.Synaptic(0.8, 0.9, learn_alpha=True, reset_mechanism="zero"),
    "alpha": lambda: snn.Alpha(0.9, 0.8, reset_delay=False),
    "adlif": lambda: snn.AdLIF(0.9, 0.8),
    "rf": lambda: snn.RF(0.5, -0.1),
}


def inputs(program: StepProgram) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    names = dict.fromkeys((*program.forward.inputs, *program.backward.inputs))
    return {name: torch.randn(7, generator=generator, dtype=torch.float64) for name in names}


@pytest.mark.parametrize("neuron", NEURONS)
def test_absent_gradients_are_zeros(neuron: str) -> None:
    program = snn.program(NEURONS[neuron]())
    values, gradients = inputs(program), ["d emitted", *(f"d {state}" for state in program.states)]
    for count in range(len(gradients) + 1):
        for absent in itertools.combinations(gradients, count):
            outputs = without(program.backward, absent).run(values)
            expected = program.backward.run(values | {g: torch.zeros(7, dtype=torch.float64) for g in absent})
            assert outputs.keys() == expected.keys()
            for name, value in outputs.items():
                computed, reference = (
                    torch.as_tensor(v, dtype=torch.float64).expand(7) for v in (value, expected[name])
                )
                assert torch.equal(computed, reference), (name, absent)


@pytest.mark.parametrize("name", NEURONS)
def test_a_step_without_gradients_leaves_nothing(name: str) -> None:
    program = snn.program(NEURONS[name]())
    nothing = without(program.backward, ["d emitted", *(f"d {state}" for state in program.states)])
    assert nothing.instructions == ()
    assert all(map(is_zero, nothing.outputs.values()))


def test_an_absent_gradient_meets_no_infinity() -> None:
    program = snn.program(snn.Leaky(0.9, learn_beta=True, reset_mechanism="none"))
    values = inputs(program) | {"mem": torch.full((7,), torch.inf, dtype=torch.float64), "d mem": torch.zeros(7)}
    with_zero, nothing = program.backward.run(values), without(program.backward, ["d mem", "d emitted"]).run(values)
    (share,) = program.sums
    assert torch.as_tensor(with_zero[share]).isnan().all()
    assert nothing[share] == 0


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("add", ("g", "h"), "h"),
        ("add", ("h", "g"), "h"),
        ("sub", ("h", "g"), "h"),
        ("sub", ("g", "h"), "neg(h)"),
        ("mul", ("h", "g"), "0"),
        ("div", ("g", "h"), "0"),
        ("neg", ("g",), "0"),
        ("where", ("c", "g", "g"), "0"),
        ("where", ("c", "g", "h"), "where(c, 0, h)"),
        ("exp", ("h",), "exp(h)"),
        ("maximum", ("g", "h"), "maximum(0, h)"),
    ],
)
def test_an_instruction_without_an_operand_is_simplified(name: str, operands: tuple[str, ...], expected: str) -> None:
    names = ("g", "h", "c")
    instruction = Instruction(name, tuple(Register(names.index(operand)) for operand in operands))
    left = without(Program(names, (instruction,), {"out": Register(3)}), {"g"})
    text = str(left)
    assert (text.split(" = ")[1].partition("\n")[0] if " = " in text else "") == expected


def test_a_state_that_has_no_gradient_may_be_given_one_by_the_steps_behind() -> None:
    """The current's gradient is the membrane's of the step behind it, so that it is there from the second step on."""
    program = snn.program(snn.Synaptic(0.8, 0.9, reset_mechanism="none"))
    last, before, follows = walk(program, spikes=False, states=[False, True], trace=False)
    assert follows == (True, True)
    assert "d syn" not in last.inputs
    assert {"d syn", "d mem"} <= {*before.inputs}
    assert walk(program, spikes=False, states=[False, False], trace=False).follows == (False, False)


def test_the_gradient_of_each_step_is_recorded_in_every_step() -> None:
    program = snn.program(snn.Leaky(0.9, reset_mechanism="none"))
    last, before, follows = walk(program, spikes=False, states=[True], trace=True)
    assert "d mem" in last.inputs
    assert "d mem" in before.inputs
    assert follows == (True,)
