"""NaN and infinite numbers come out where they come out of the steps: a kernel hides no broken training."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import surrogate

from .comparison import Comparison, by_kernels, by_steps, drive, same_bits

NEURONS = {
    "leaky": lambda **o: snn.Leaky(0.9, learn_beta=True, learn_threshold=True, **o),
    "synaptic": lambda **o: snn.Synaptic(0.8, torch.rand(50), learn_alpha=True, learn_beta=True, **o),
    "alpha": lambda **o: snn.Alpha(0.8, 0.6, learn_alpha=True, **o),
}
RESETS = [("none", True), ("subtract", True), ("zero", True), ("subtract", False), ("zero", False)]
SURROGATES = [surrogate.atan(), surrogate.fast_sigmoid(), surrogate.triangular(), surrogate.sigmoid()]


def spoiled(tensor: Tensor) -> Tensor:
    """A copy with a few NaN, infinite and negative infinite numbers."""
    flat = tensor.detach().clone().view(-1)
    places = torch.randperm(flat.numel(), generator=torch.Generator().manual_seed(3))[: max(3, flat.numel() // 40)]
    for number, value in enumerate((math.nan, math.inf, -math.inf)):
        flat[places[number::3]] = value
    return flat.view(tensor.shape)


class Spoiled(Comparison):
    """A comparison some of whose gradients are spoiled."""

    spoils = False

    def upstream(self, number: int, output: Tensor) -> Tensor:
        gradient = super().upstream(number, output)
        return spoiled(gradient) if self.spoils else gradient


def agrees(comparison: Comparison) -> list[Tensor]:
    """Assert that what is not finite is where the steps have it, and return the gradients."""
    outputs, gradients = comparison.outcome(by_kernels)
    expected, reference = comparison.outcome(by_steps)
    for f, e in zip(outputs, expected, strict=True):
        same_bits(f, e)
    for f, e in zip(gradients, reference, strict=True):
        assert torch.equal(f.isnan(), e.isnan())
        assert torch.equal(f.isposinf(), e.isposinf())
        assert torch.equal(f.isneginf(), e.isneginf())
    return reference


@pytest.mark.parametrize("where", ["input", "states", "gradients"])
@pytest.mark.parametrize(("reset", "delay"), RESETS)
@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.usefixtures("wide")
def test_they_are_where_the_steps_have_them(name: str, reset: str, delay: bool, where: str) -> None:
    spike_grad = SURROGATES[(len(name) + len(reset) + len(where)) % len(SURROGATES)]
    neuron = NEURONS[name](reset_mechanism=reset, reset_delay=delay, spike_grad=spike_grad)
    xs = drive(9, 1, 50, dtype=torch.float32)
    comparison = Spoiled(neuron, xs, trace=where != "states")
    if where == "input":
        comparison.xs = spoiled(xs)
    if where == "states":
        comparison.state = neuron.State._make([spoiled(s) for s in comparison.state])
    comparison.spoils = where == "gradients"
    expected = agrees(comparison)
    assert any(not w.isfinite().all() for w in expected)


@pytest.mark.parametrize("value", [math.inf, -math.inf])
@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.usefixtures("wide")
def test_an_infinite_membrane_without_a_gradient_from_behind_stays_without_nan(trace: bool, value: float) -> None:
    neuron = snn.Leaky(0.9, reset_mechanism="zero", reset_delay=False, learn_beta=True)
    xs = drive(4, 1, 6, dtype=torch.float32)
    xs[-1, 0, ::2] = value
    expected = agrees(Comparison(neuron, xs, trace=trace, absent=(1,)))
    assert all(w.isfinite().all() for w in expected)  # zero times infinity, the gradient of the reset, would be NaN
