"""Windows of step programs: the places outside of which a step backward ignores the gradient of its spikes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import surrogate
from snn_core.programs import StepProgram, window_of

WIDTH = 0.25


def box(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
    return grad * (x.abs() < WIDTH)


def chosen(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
    return torch.where(x.abs() < WIDTH, grad * 3, 0 * grad)


def left_out(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
    return torch.where(x.abs() >= WIDTH, 0.0, -grad / 3)


def in_two_terms(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
    return grad * (x.abs() < WIDTH / 2) + 2 * (grad * (x.abs() < WIDTH)) * 0.5


def scaled_first(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
    return -(grad / 0.3) * torch.relu(WIDTH - x.abs())


WINDOWS: dict[str, surrogate.Surrogate] = {
    "triangular": surrogate.triangular(WIDTH),
    "triangular of height 1": surrogate.triangular(WIDTH, height=1),
    **{f.__name__: surrogate.custom_surrogate(f) for f in (box, chosen, left_out, in_two_terms, scaled_first)},
}
NEURONS: dict[str, Any] = {
    **{f"leaky {reset}": {"reset_mechanism": reset} for reset in ("subtract", "zero", "none")},
    "leaky at once": {"reset_delay": False},
    "leaky learned": {"learn_beta": True, "learn_threshold": True},
}


def leaky(spike: surrogate.Surrogate, **options: Any) -> snn.Leaky:
    return snn.Leaky(beta=0.75, threshold=0.5, spike_grad=spike, **options)


def values_of(program: StepProgram, count: int = 4001) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    names = ("x", *program.states, *(f"d {name}" for name in program.states))
    values = {name: torch.randn(count, generator=generator, dtype=torch.float64) for name in names}
    constants = {"beta": torch.tensor(0.75, dtype=torch.float64), "threshold": torch.tensor(0.5, dtype=torch.float64)}
    return {**values, **program.once.run({name: constants[name] for name in program.once.inputs})}


def inside_of(program: StepProgram, values: dict[str, Tensor]) -> Tensor:
    window = window_of(program)
    assert window is not None
    assert {*window.inputs} <= {*program.forward.inputs}
    inside = window.run(values)["inside"]
    assert inside.dtype == torch.bool
    return inside


def uses(program: StepProgram, values: dict[str, Tensor]) -> Tensor:
    """Return the places at which a gradient of 1 for the spikes gives other results than a gradient of 0."""
    shape = values["x"].shape
    results = [program.backward.run({**values, "d emitted": torch.full(shape, grad)}) for grad in (1.0, 0.0)]
    differ = [torch.as_tensor(a != b).expand(shape) for a, b in zip(*(r.values() for r in results), strict=True)]
    return torch.stack(differ).any(0)


@pytest.mark.parametrize("spike", WINDOWS.values(), ids=[*WINDOWS])
@pytest.mark.parametrize("options", NEURONS.values(), ids=[*NEURONS])
def test_a_window_is_exactly_where_the_gradient_is_used(spike: surrogate.Surrogate, options: Any) -> None:
    program = snn.program(leaky(spike, **options))
    values = values_of(program)
    inside = inside_of(program, values)
    assert torch.equal(inside, uses(program, values))
    assert 0 < inside.double().mean() < 0.5


@pytest.mark.parametrize("spike", WINDOWS.values(), ids=[*WINDOWS])
def test_a_window_is_that_of_the_formula(spike: surrogate.Surrogate) -> None:
    program = snn.program(leaky(spike, reset_mechanism="none"))
    values = values_of(program)
    mem = 0.75 * values["mem"] + values["x"]
    assert torch.equal(inside_of(program, values), (mem - 0.5).abs() < WIDTH)


@pytest.mark.parametrize(
    "neuron",
    [
        snn.Synaptic(alpha=0.5, beta=0.75, spike_grad=surrogate.triangular(WIDTH)),
        snn.Lapicque(beta=0.75, spike_grad=surrogate.triangular(WIDTH)),
        snn.Alpha(alpha=0.75, beta=0.5, spike_grad=surrogate.triangular(WIDTH)),
    ],
    ids=lambda neuron: type(neuron).__name__,
)
def test_other_neurons_have_windows(neuron: snn.SpikingNeuron) -> None:
    program = snn.program(neuron, dtype=torch.float64)
    constants = {name: tensor.detach().double() for name, tensor in snn_constants(neuron).items()}
    generator = torch.Generator().manual_seed(0)
    names = ("x", *program.states, *(f"d {name}" for name in program.states))
    values = {name: torch.randn(4001, generator=generator, dtype=torch.float64) for name in names}
    values |= program.once.run({name: constants[name] for name in program.once.inputs})
    inside = inside_of(program, values)
    assert not (uses(program, values) & ~inside).any()
    assert 0 < inside.double().mean() < 0.5


def snn_constants(neuron: snn.SpikingNeuron) -> dict[str, Tensor]:
    return dict([*neuron.named_parameters(), *neuron.named_buffers()])


@pytest.mark.parametrize(
    "spike", [surrogate.heaviside(), surrogate.LSO(0), surrogate.SFS(B=0)], ids=["heaviside", "LSO", "SFS"]
)
def test_a_window_may_be_one_sided(spike: surrogate.Surrogate) -> None:
    program = snn.program(leaky(spike, reset_mechanism="none"))
    values = values_of(program)
    assert torch.equal(inside_of(program, values), 0.75 * values["mem"] + values["x"] > 0.5)


def test_a_derivative_without_zeros_leaves_nothing_out() -> None:
    program = snn.program(leaky(surrogate.atan()))
    assert inside_of(program, values_of(program)).all()


def test_a_derivative_of_nan_is_inside() -> None:
    program = snn.program(leaky(surrogate.triangular(WIDTH)))
    values = values_of(program)
    values["x"][7] = torch.nan
    assert inside_of(program, values)[7]


def by_its_sign(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
    return grad * (grad > 0)


def squared(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
    return grad * grad


def everywhere(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
    return grad


def plus_one(x: Tensor, grad: Tensor, spikes: Tensor) -> Tensor:
    return grad * (x.abs() < WIDTH) + grad


@pytest.mark.parametrize("function", [by_its_sign, squared, everywhere, plus_one])
def test_there_is_no_window_where_every_gradient_may_be_used(function: Any) -> None:
    assert window_of(snn.program(leaky(surrogate.custom_surrogate(function)))) is None


def test_there_is_no_window_without_a_gradient() -> None:
    assert window_of(snn.program(leaky(surrogate.no_gradient()))) is None
