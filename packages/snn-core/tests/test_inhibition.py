"""Winner take all: of the neurons on axis 1 only the one with the largest membrane fires, and only it is reset."""

from __future__ import annotations

import pytest
import torch

import snn_core as snn


def test_only_the_winner_fires_and_only_the_winner_is_reset() -> None:
    # beta = 1. U: 1.5, 2, 0.5 -> neuron 1 fires. Then 1.5, 2 - 1, 0.5 -> neuron 0 fires. Then 0.5, 1, 0.5 -> none
    lif = snn.Leaky(beta=1.0, inhibition=True)
    xs = torch.zeros(3, 1, 3)
    xs[0, 0] = torch.tensor([1.5, 2.0, 0.5])
    spk, trace = lif.unroll(xs, trace=True)
    assert spk.squeeze(1).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert trace.mem.squeeze(1).tolist() == [[1.5, 2.0, 0.5], [1.5, 1.0, 0.5], [0.5, 1.0, 0.5]]


def test_the_loser_is_not_reset_at_once_either() -> None:
    lif = snn.Leaky(beta=1.0, inhibition=True, reset_delay=False)
    spk, mem = lif(torch.tensor([[1.5, 2.0, 0.5]]))
    assert spk.tolist() == [[0, 1, 0]]
    assert mem.tolist() == [[1.5, 1.0, 0.5]]


def test_the_graded_factor_applies_to_the_winner() -> None:
    lif = snn.Leaky(beta=1.0, inhibition=True, graded_spikes_factor=0.5)
    assert lif(torch.tensor([[1.5, 2.0, 0.5]]))[0].tolist() == [[0, 0.5, 0]]


def test_no_neuron_fires_if_none_is_above_the_threshold() -> None:
    spk, _ = snn.Leaky(beta=1.0, inhibition=True)(torch.tensor([[0.5, 1.0], [-1.0, 0.0]]))
    assert spk.sum() == 0


def test_one_of_several_equal_membranes_fires() -> None:
    spk, _ = snn.Leaky(beta=1.0, inhibition=True)(torch.full((7, 5), 2.0))
    assert spk.sum(dim=1).tolist() == [1] * 7


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 7), (3, 5, 7, 3)])
def test_the_contest_is_along_axis_one_of_any_shape(shape: tuple[int, ...]) -> None:
    x = 2 * torch.randn(shape, dtype=torch.float64)
    spk, _ = snn.Leaky(beta=0.5, inhibition=True)(x)
    best = x == x.amax(dim=1, keepdim=True)
    assert torch.equal(spk, (best & (x > 1)).double())


def test_the_winner_is_the_one_furthest_above_its_own_threshold() -> None:
    lif = snn.Leaky(beta=0.5, inhibition=True, threshold=torch.tensor([1.0, 2.9]))
    # 1 and 0.1 above
    assert lif(torch.tensor([[2.0, 3.0]]))[0].tolist() == [[1, 0]]


def test_only_the_winner_gets_a_gradient() -> None:
    lif = snn.Leaky(beta=0.5, inhibition=True, spike_grad=snn.surrogate.straight_through_estimator())
    x = torch.tensor([[1.5, 2.0, 0.5]], requires_grad=True)
    lif(x)[0].sum().backward()
    assert x.grad.tolist() == [[0, 1, 0]]


@pytest.mark.parametrize("neuron", [snn.Synaptic(0.5, 0.5, inhibition=True), snn.Alpha(0.5, 0.25, inhibition=True)])
def test_other_neurons_inhibit_as_well(neuron: snn.SpikingNeuron) -> None:
    spk, _ = neuron.unroll(10 * torch.rand(7, 3, 5))
    assert (spk.sum(dim=2) <= 1).all()
    assert spk.sum() > 0


def test_without_an_axis_of_neurons_it_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"inhibition.*\[batch, neurons"):
        snn.Leaky(beta=0.5, inhibition=True)(torch.ones(3))
