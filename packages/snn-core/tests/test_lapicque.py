"""Lapicque's neuron is a resistor and a capacitor, integrated by Euler's method."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor

import snn_core as snn

from .test_constants import Array
from .zoo import step_loop


def charge(neuron: snn.SpikingNeuron, current: float, num_steps: int) -> Tensor:
    _, trace = neuron.unroll(torch.full((num_steps, 1, 1), current, dtype=torch.float64), trace=True)
    return trace.mem.flatten()


def test_a_constant_current_charges_the_capacitor_geometrically() -> None:
    # U[t] = I R (1 - (1 - dt / RC)^t)
    neuron = snn.Lapicque(R=5.0, C=2.0, time_step=0.5, threshold=100.0).double()
    expected = [3.0 * 5 * (1 - (1 - 0.5 / 10) ** t) for t in range(1, 21)]
    assert charge(neuron, 3.0, 20).tolist() == pytest.approx(expected)


def test_small_steps_approach_the_exponential_charging_curve() -> None:
    # U(t) = I R (1 - exp(-t / RC)); Euler's error is of the order of the step
    errors = []
    for time_step in (0.1, 0.05):
        neuron = snn.Lapicque(R=2.0, C=1.0, time_step=time_step, threshold=100.0).double()
        u = charge(neuron, 1.0, round(2 / time_step))[-1].item()
        errors.append(abs(u - 2 * (1 - math.exp(-1))))
    assert errors[0] < 0.05
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.1)


@pytest.mark.parametrize(
    ("constants", "expected"),
    [
        # beta = exp(-dt / RC) relates the four; beta alone takes R = 1
        ({"beta": math.exp(-0.25)}, {"R": 1.0, "C": 4.0}),
        ({"beta": math.exp(-0.25), "R": 2.0}, {"R": 2.0, "C": 2.0}),
        ({"beta": math.exp(-0.25), "C": 2.0}, {"R": 2.0, "C": 2.0}),
        ({"R": 2.0, "C": 2.0}, {"R": 2.0, "C": 2.0, "beta": math.exp(-0.25)}),
        ({"beta": math.exp(-0.25), "time_step": 2.0}, {"R": 1.0, "C": 8.0}),
    ],
    ids=str,
)
def test_two_of_beta_resistance_and_capacitance_give_the_third(constants: dict, expected: dict) -> None:
    neuron = snn.Lapicque(**constants)
    for name, value in expected.items():
        assert torch.as_tensor(getattr(neuron, name)).item() == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("names", ["beta", "beta R", "beta C", "R C", "R C time_step"])
@pytest.mark.parametrize("kind", ["d", "f"])
def test_arrays_and_fractions_are_taken_as_tensors(names: str, kind: str) -> None:
    kinds = {"arrays": Array(kind, [0.5, 0.5]), "tensors": torch.tensor([0.5, 0.5]), "number": Fraction(1, 2)}
    arrays, tensors, number = (snn.Lapicque(**dict.fromkeys(names.split(), value)) for value in kinds.values())
    for name in ("beta", "R", "C", "time_step"):
        assert torch.equal(getattr(arrays, name), getattr(tensors, name))
        assert (getattr(tensors, name) == getattr(number, name)).all()


@pytest.mark.parametrize("name", ["beta", "R", "C", "time_step"])
@pytest.mark.parametrize("wrong", ["0.5", [0.5], 0.5j])
def test_a_constant_that_is_not_a_number_is_named(name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=rf"Lapicque: {name} must be a number or a tensor, got {type(wrong).__name__}"):
        snn.Lapicque(**{"R": 1.0, "C": 1.0, name: wrong} if name != "beta" else {name: wrong})


def test_a_decay_per_neuron_charges_each_by_its_own() -> None:
    beta = torch.tensor([0.9, 0.5], dtype=torch.float64)
    neuron = snn.Lapicque(beta=beta, threshold=100.0).double()
    _, last = neuron.unroll(torch.ones(3, 1, 2, dtype=torch.float64))
    # R = 1: U[3] = 1 - (1 - ln(1 / beta))^3
    assert last.mem[0].tolist() == pytest.approx([1 - (1 + math.log(b)) ** 3 for b in (0.9, 0.5)])


@pytest.mark.parametrize("beta", [0.8, 1.0])
def test_a_learnable_beta_gets_the_gradient_of_the_charging_curve(beta: float) -> None:
    neuron = snn.Lapicque(beta=torch.tensor(beta, dtype=torch.float64), learn_beta=True, threshold=100.0).double()
    charge(neuron, 1.0, 2)[-1].backward()
    # U[2] = 1 - (1 + ln b)^2, dU/db = -2 (1 + ln b) / b
    assert neuron.beta.grad.item() == pytest.approx(-2 * (1 + math.log(beta)) / beta)


RUNS = {"loop": step_loop, "unroll": lambda neuron, xs: neuron.unroll(xs)}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize(
    ("constants", "mem", "gradient"),
    [
        # b = 1: an input of 1 leaves no trace, or with C adds up; dU/db = -R T, or the sum of (t - 1) / C
        ({"R": 1.0}, 0.0, -12.0),
        ({"R": 5.0, "time_step": 1e-3}, 0.0, -60.0),
        ({"C": 2.0}, 6.0, 33.0),
    ],
    ids=str,
)
def test_a_neuron_without_leak_learns_to_leak(
    constants: dict, mem: float, gradient: float, dtype: torch.dtype, run: str
) -> None:
    neuron = snn.Lapicque(beta=1.0, learn_beta=True, threshold=100.0, **constants).to(dtype)
    _, last = RUNS[run](neuron, torch.ones(12, 1, 1, dtype=dtype))
    assert last.mem.item() == pytest.approx(mem, abs=1e-11)
    last.mem.backward()
    assert neuron.beta.grad.item() == pytest.approx(gradient, rel=1e-5)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("constants", [{}, {"R": 2.0}, {"C": 2.0}], ids=str)
def test_a_beta_that_learning_takes_out_of_its_range_gives_numbers(constants: dict, run: str) -> None:
    neuron = snn.Lapicque(beta=torch.full((4,), 0.5), learn_beta=True, **constants)
    with torch.no_grad():
        neuron.beta.copy_(torch.tensor([-0.5, 0.0, 0.5, 1.5]))
    spk, last = RUNS[run](neuron, torch.ones(8, 3, 4))
    (spk.sum() + last.mem.sum()).backward()
    assert last.mem.isfinite().all()
    assert neuron.beta.grad.isfinite().all()
    assert neuron.beta.grad.bool().tolist() == [False, False, True, False]


@pytest.mark.parametrize("constants", [{}, {"R": 1.0}, {"C": 1.0}], ids=str)
def test_too_few_constants_are_an_error_that_says_which(constants: dict) -> None:
    with pytest.raises((ValueError, TypeError), match=r"Lapicque.*beta.*R.*C"):
        snn.Lapicque(**constants)


@pytest.mark.parametrize(("size", "shape"), [((), (1,)), ((1,), (1,)), ((5,), (5,)), ((2, 1, 1), (2, 1, 1))])
def test_the_decay_of_r_and_c_has_at_least_one_axis(size: tuple[int, ...], shape: tuple[int, ...]) -> None:
    neuron = snn.Lapicque(R=torch.full(size, 4.0), C=2.0, time_step=0.5)
    assert neuron.beta.shape == shape
    assert neuron.beta.flatten()[0].item() == pytest.approx(math.exp(-0.5 / 8))


def test_a_decay_saved_as_one_number_loads_into_either_shape() -> None:
    neuron = snn.Lapicque(R=4.0, C=2.0)
    saved = neuron.state_dict()
    for beta in (torch.tensor(0.25), torch.tensor([0.25])):
        neuron.load_state_dict({**saved, "beta": beta})
        assert neuron.beta.tolist() == [0.25]
        of_beta = snn.Lapicque(beta=0.5)
        of_beta.load_state_dict({**of_beta.state_dict(), "beta": beta})
        assert of_beta.beta.item() == 0.25


def test_the_share_of_the_membrane_after_a_step_is_that_of_the_equation():
    neuron = snn.Lapicque(R=4.0, C=2.0, time_step=3.0, threshold=9.0)
    _, state = neuron.step(torch.zeros(1, 1), neuron.State(torch.ones(1, 1)))
    assert neuron.membrane_decay == 1 - 3 / 8 == state.mem
