"""DeltaLeaky fires where its membrane moved."""

from __future__ import annotations

import pytest
import torch

import snn_core as snn

INPUTS = [1.0, 0.0, 0.5, -1.0]
# beta = 0.5: U 1, 0.5, 0.75, -0.625; |U' - U| 1, 0.5, 0.25, 1.375 against delta_threshold = 0.6
MEMS = [1.0, 0.5, 0.75, -0.625]
BEFORE = [0.0, 1.0, 0.5, 0.75]
SPIKES = [1.0, 0.0, 0.0, 1.0]


def test_it_fires_on_a_change_of_either_sign_and_never_resets() -> None:
    neuron = snn.DeltaLeaky(0.6, 0.5)
    state = None
    for x, mem, before, expected in zip(INPUTS, MEMS, BEFORE, SPIKES, strict=True):
        spk, state = neuron(torch.full((1, 1), x), state) if state else neuron(torch.full((1, 1), x))
        assert spk.item() == expected
        assert [s.item() for s in state] == [mem, before]


def test_its_state_goes_in_and_out_as_one_tuple() -> None:
    neuron = snn.DeltaLeaky(delta_threshold=0.6, beta=0.5)
    spk, (mem, before) = neuron(torch.zeros(1, 1), (torch.full((1, 1), 2.0), torch.zeros(1, 1)))
    assert (spk.item(), mem.item(), before.item()) == (1.0, 1.0, 2.0)
    spk, (mem, before) = neuron(torch.full((1, 1), 0.5), (None, None))
    assert (spk.item(), mem.item(), before.item()) == (0.0, 0.5, 0.0)


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ((torch.zeros(1), torch.zeros(1)), r"DeltaLeaky takes its state as one tuple: neuron\(x, \(mem, mem_prev\)\)"),
        ((torch.zeros(2),), r"DeltaLeaky takes its state as a tuple \(mem, mem_prev\), got Tensor"),
    ],
)
def test_a_state_that_is_not_one_tuple_is_named(states: tuple[torch.Tensor, ...], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        snn.DeltaLeaky(0.5, 0.5)(torch.zeros(1), *states)


def test_a_change_of_exactly_the_threshold_does_not_fire() -> None:
    assert snn.DeltaLeaky(0.5, 0.5)(torch.full((1, 1), 0.5))[0].item() == 0.0


def test_beta_is_clamped_as_everywhere() -> None:
    neuron = snn.DeltaLeaky(10.0, 1.5, learn_beta=True)
    _, state = neuron(torch.ones(1, 1))
    _, state = neuron(torch.zeros(1, 1), state)
    assert state[0].item() == 1.0


def test_the_gradient_runs_through_the_change() -> None:
    # x = -1.2: S = H(|x| - 1), dS/dx = sign(x) d(0.2), d = 1 / (1 + 5 * 0.2)^2
    neuron = snn.DeltaLeaky(1.0, 0.5, spike_grad=snn.surrogate.fast_sigmoid(slope=5)).double()
    x = torch.full((1, 1), -1.2, dtype=torch.float64, requires_grad=True)
    neuron.step(x, None)[0].backward()
    assert x.grad.item() == pytest.approx(-0.25)


def test_a_kept_state_reads_as_mem_and_mem_prev() -> None:
    neuron = snn.DeltaLeaky(0.6, 0.5, init_hidden=True, output=True)
    for x in INPUTS:
        spk, (mem, before) = neuron(torch.full((1, 1), x))
    assert spk.item() == 1.0
    assert (neuron.mem.item(), neuron.mem_prev.item()) == (mem.item(), before.item()) == (-0.625, 0.75)


def test_its_threshold_is_its_own_and_checked_as_every_constant() -> None:
    threshold = torch.tensor(0.6)
    neuron = snn.DeltaLeaky(threshold, beta=0.5)
    threshold.fill_(100.0)
    assert neuron(torch.ones(1, 1))[0].item() == 1.0
    assert "delta_threshold" not in neuron.state_dict()
    with pytest.raises(ValueError, match="DeltaLeaky: delta_threshold must not be NaN"):
        snn.DeltaLeaky(float("nan"), beta=0.5)
    with pytest.raises(TypeError, match="DeltaLeaky: delta_threshold must be a number or a tensor"):
        snn.DeltaLeaky("high", beta=0.5)
