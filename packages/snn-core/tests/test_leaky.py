"""Leaky against its closed form, its firing rate, and numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import snn_core as snn

from .zoo import step_loop


def run(neuron: snn.SpikingNeuron, inputs: list[float]) -> tuple[list[float], list[float]]:
    """Spikes and membrane of one neuron, step by step."""
    spks, mems, state = [], [], None
    for value in inputs:
        spk, state = neuron.step(torch.tensor([[value]], dtype=torch.float64), state)
        spks.append(spk.item())
        mems.append(state.mem.item())
    return spks, mems


@given(beta=st.floats(0.0, 0.99), current=st.floats(-2.0, 2.0))
def test_below_threshold_the_membrane_is_the_geometric_series(beta: float, current: float) -> None:
    # U[t] = I (1 - beta^t) / (1 - beta)
    lif = snn.Leaky(beta=torch.tensor(beta, dtype=torch.float64), threshold=1e6)
    _, mems = run(lif, [current] * 9)
    assert mems == pytest.approx([current * (1 - beta**t) / (1 - beta) for t in range(1, 10)], abs=1e-9)


def test_a_membrane_that_does_not_leak_adds_up_its_input() -> None:
    _, mems = run(snn.Leaky(beta=1.0, threshold=100.0), [0.5, -1.0, 2.0])
    assert mems == [0.5, -0.5, 1.5]


def test_a_spike_at_the_threshold_does_not_happen() -> None:
    spks, _ = run(snn.Leaky(beta=0.5), [1.0])
    assert spks == [0.0]
    spks, _ = run(snn.Leaky(beta=0.5), [math.nextafter(1.0, 2.0)])
    assert spks == [1.0]


def test_the_returned_membrane_is_the_one_before_its_reset() -> None:
    # subtract: 0.5*0 + 1.5 = 1.5 fires; 0.5*1.5 + 1 - 1 = 0.75; 0.5*0.75 + 1 = 1.375 fires; 0.5*1.375 - 1 = -0.3125
    assert run(snn.Leaky(beta=0.5), [1.5, 1.0, 1.0, 0.0]) == ([1, 0, 1, 0], [1.5, 0.75, 1.375, -0.3125])
    # zero: 1.5 fires; cleared, then 1.0; 0.5*1 + 1 = 1.5 fires; cleared, then 0
    zero = snn.Leaky(beta=0.5, reset_mechanism="zero")
    assert run(zero, [1.5, 1.0, 1.0, 0.0]) == ([1, 0, 1, 0], [1.5, 1.0, 1.5, 0.0])
    # none: 1.5; 0.75 + 1 = 1.75; 0.875 + 1 = 1.875; 0.9375
    none = snn.Leaky(beta=0.5, reset_mechanism="none")
    assert run(none, [1.5, 1.0, 1.0, 0.0]) == ([1, 1, 1, 0], [1.5, 1.75, 1.875, 0.9375])


def test_a_perfect_integrator_fires_at_the_rate_of_its_input() -> None:
    # without a leak, reset by subtraction loses nothing: the spike count is the charge over the threshold, to one spike
    for current in (0.13, 0.37, 0.81):
        spks, _ = run(snn.Leaky(beta=1.0), [current] * 200)
        assert abs(sum(spks) - 200 * current) <= 1


def test_a_leaky_neuron_that_resets_to_zero_fires_with_the_period_of_its_closed_form() -> None:
    # from 0, U reaches theta when I (1 - beta^n) / (1 - beta) > 1: n = 1 + floor(ln(1 - (1 - beta) / I) / ln(beta));
    # the step after the spike begins from 0 again, so n is the period
    beta, current = 0.9, 0.17
    period = 1 + math.floor(math.log(1 - (1 - beta) / current) / math.log(beta))
    spks, _ = run(snn.Leaky(beta=beta, reset_mechanism="zero"), [current] * (5 * period))
    assert [t for t, spk in enumerate(spks, 1) if spk] == [period * k for k in range(1, 6)]


def test_beta_is_clamped_to_its_range_in_the_forward_pass() -> None:
    assert run(snn.Leaky(beta=1.7, learn_beta=True, threshold=100.0), [1.0, 0.0]) == ([0, 0], [1.0, 1.0])
    assert run(snn.Leaky(beta=-0.3, learn_beta=True, threshold=100.0), [1.0, 0.0]) == ([0, 0], [1.0, 0.0])


def test_beta_and_threshold_may_differ_from_neuron_to_neuron_and_from_channel_to_channel() -> None:
    lif = snn.Leaky(beta=torch.tensor([0.0, 0.5, 1.0]), threshold=torch.tensor([1.5, 0.5, 3.0]))
    spk, last = step_loop(lif, torch.ones(2, 1, 3))
    # U: 1, 1; 1, 0.5 + 1 - 0.5; 1, 2
    assert spk.squeeze(1).tolist() == [[0, 1, 0], [0, 1, 0]]
    assert last.mem.tolist() == [[1.0, 1.0, 2.0]]
    conv = snn.Leaky(beta=torch.tensor([0.0, 1.0]).view(2, 1, 1), threshold=10.0)
    _, last = step_loop(conv, torch.ones(3, 1, 2, 3, 5))
    assert last.mem[0, 0].unique().tolist() == [1.0]
    assert last.mem[0, 1].unique().tolist() == [3.0]


def test_gradients_of_two_steps_are_those_worked_out_by_hand() -> None:
    # U1 = x1, U2 = b U1 + x2 - R1 theta, with R1 detached. Take x1 = 1.2, x2 = 0.1, b = 0.5, theta = 1:
    # U1 - theta = 0.2 (fires), U2 = 0.6 + 0.1 - 1 = -0.3, U2 - theta = -1.3. With d(x) = 1 / (1 + |x|)^2 (slope 1):
    # d1 = 1 / 1.44, d2 = 1 / 5.29 and L = S1 + S2:
    # dL/dx1 = d1 + b d2;  dL/dx2 = d2;  dL/db = d2 U1;  dL/dtheta = -d1 - d2 (1 + R1) = -d1 - 2 d2
    lif = snn.Leaky(
        beta=0.5, spike_grad=snn.surrogate.fast_sigmoid(slope=1), learn_beta=True, learn_threshold=True
    ).double()
    x = torch.tensor([1.2, 0.1], dtype=torch.float64, requires_grad=True)
    spk, _ = lif.unroll(x.view(2, 1, 1))
    spk.sum().backward()
    d1, d2 = 1 / 1.44, 1 / 5.29
    assert spk.flatten().tolist() == [1, 0]
    assert x.grad.tolist() == pytest.approx([d1 + 0.5 * d2, d2])
    assert lif.beta.grad.item() == pytest.approx(1.2 * d2)
    assert lif.threshold.grad.item() == pytest.approx(-d1 - 2 * d2)


def test_the_surrogate_may_be_disabled() -> None:
    spk, mem = snn.Leaky(beta=0.5, surrogate_disable=True)(torch.ones(1, 3, requires_grad=True))
    assert not spk.requires_grad
    assert mem.requires_grad


def test_the_default_surrogate_is_atan_of_two() -> None:
    x = torch.tensor([[1.3]], dtype=torch.float64, requires_grad=True)
    snn.Leaky(beta=0.5).step(x, None)[0].backward()
    assert x.grad.item() == pytest.approx(1 / (1 + (math.pi * 0.3) ** 2))


def test_lif_is_the_family_of_leaky() -> None:
    assert issubclass(snn.Leaky, snn.LIF)
    assert issubclass(snn.LIF, snn.SpikingNeuron)
