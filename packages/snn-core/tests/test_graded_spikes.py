"""GradedSpikes weighs the spikes of a layer neuron by neuron."""

from __future__ import annotations

import math

import pytest
import torch

import snn_core as snn


def test_spikes_are_weighed_along_the_last_axis() -> None:
    layer = snn.GradedSpikes(3, constant_factor=2.0)
    assert layer.state_dict()["weights"].shape == (3, 1)
    with torch.no_grad():
        layer.weights.copy_(torch.tensor([[1.0], [2.0], [3.0]]))
    out = layer(torch.ones(5, 3))
    assert out.tolist() == [[1, 2, 3]] * 5
    assert layer(torch.ones(7, 3, 3)).shape == (7, 3, 3)
    assert layer(torch.ones(7, 3, 3))[0, 2].tolist() == [1, 2, 3]


def test_without_a_factor_the_weights_are_uniform_around_one() -> None:
    weights = snn.GradedSpikes(10_000).weights
    assert 0.5 <= weights.min() < 0.51
    assert 1.49 < weights.max() < 1.5
    # the mean of 10,000 draws from U(0.5, 1.5) is 1 within five standard errors of 0.0029
    assert weights.mean().item() == pytest.approx(1.0, abs=0.0145)


def test_a_factor_of_zero_is_zero() -> None:
    assert snn.GradedSpikes(3, constant_factor=0.0)(torch.ones(1, 3)).sum() == 0


@pytest.mark.parametrize("factor", [math.nan, math.inf, -math.inf])
def test_a_factor_that_is_not_finite_is_an_error(factor: float) -> None:
    with pytest.raises(ValueError, match=f"GradedSpikes: constant_factor must be finite, got {factor}"):
        snn.GradedSpikes(2, factor)


def test_the_weights_learn() -> None:
    layer = snn.GradedSpikes(3, constant_factor=1.0)
    spk = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    layer(spk).sum().backward()
    assert layer.weights.grad.flatten().tolist() == [2, 0, 1]


def test_spikes_of_another_width_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"GradedSpikes.*3.*5"):
        snn.GradedSpikes(3)(torch.ones(2, 5))


def test_under_unroll_it_acts_on_each_sample_alone() -> None:
    net = torch.nn.Sequential(snn.Leaky(beta=0.5, init_hidden=True), snn.GradedSpikes(3))
    out, schedule = snn.unroll(net, torch.randn(7, 2, 3), explain=True)
    assert schedule.kind == "layers"
    assert out.shape == (7, 2, 3)
