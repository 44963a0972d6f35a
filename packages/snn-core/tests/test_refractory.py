"""A neuron that is refractory: how far its spikes lie apart, and what reaches it meanwhile."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import surrogate


class Resting(snn.Refractory, snn.Leaky):
    class State(NamedTuple):
        wait: Tensor
        mem: Tensor


def mixed(kind: Any) -> Any:
    """The neuron with the mix-in before it."""

    class Mixed(snn.Refractory, kind):
        State = namedtuple("State", ("wait", *kind.State._fields))

    return Mixed


def gaps(spk: Tensor) -> list[int]:
    return spk.flatten().nonzero().flatten().diff().tolist()


@pytest.mark.parametrize("reset_delay", [True, False])
@pytest.mark.parametrize("period", [0, 1, 4])
@pytest.mark.parametrize("current", [0.2, 0.36, 3.0])
def test_a_period_of_silence_lengthens_each_interval_by_itself(current: float, period: int, reset_delay: bool) -> None:
    # from 0 the membrane is I (1 - beta^k) / (1 - beta) after k steps
    beta = 0.875
    steps = max(1, math.ceil(math.log(max(1 - (1 - beta) / current, 1e-9)) / math.log(beta)))
    neuron = Resting(beta=beta, refractory_period=period, reset_mechanism="zero", reset_delay=reset_delay)
    spk, _ = neuron.unroll(torch.full((100, 1, 1), current))
    assert set(gaps(spk)) == {steps + period}


def test_each_neuron_may_have_a_period_of_its_own() -> None:
    spk, _ = Resting(beta=0.5, refractory_period=torch.tensor([0, 2, 7])).unroll(torch.full((80, 1, 3), 9.0))
    assert [set(gaps(spk[:, 0, i])) for i in range(3)] == [{1}, {3}, {8}]


@pytest.mark.parametrize(("dtype", "most"), [(torch.bfloat16, 255), (torch.float16, 2047)], ids=str)
def test_a_period_is_one_that_the_dtype_of_the_states_can_count(dtype: torch.dtype, most: int) -> None:
    xs = torch.full((2 * most + 2, 1), 1.5, dtype=dtype)
    spk, _ = Resting(beta=0.5, refractory_period=most).unroll(xs)
    assert gaps(spk) == [most + 1]
    for period in (most + 1, most + 2, 3000, torch.tensor([3.0, 3000.0])):
        neuron = Resting(beta=0.5, refractory_period=period)
        message = rf"Resting: refractory_period is \d+; {dtype} can count at most {most} steps; compute in float32"
        for call in (neuron.unroll, lambda x, neuron=neuron: neuron.step(x[0]), lambda x, neuron=neuron: neuron(x[0])):
            with pytest.raises(ValueError, match=message):
                call(xs.expand(-1, 2))
        assert neuron.unroll(xs.float().expand(-1, 2))[0].any()
    loaded = Resting(beta=0.5, refractory_period=1)
    loaded.load_state_dict(Resting(beta=0.5, refractory_period=most + 1).state_dict())
    with pytest.raises(ValueError, match="can count at most"):
        loaded.unroll(xs)
    with pytest.raises(ValueError, match="can count at most"):
        Resting(beta=0.5, refractory_period=most + 1).to(dtype).unroll(xs.float())


def by_hand(xs: Tensor, beta: Tensor, period: int) -> Tensor:
    """Spikes of a leaky neuron that subtracts, by lists of when each has fired last."""
    spike = surrogate.fast_sigmoid(5)
    mem, fired = torch.zeros_like(xs[0]), torch.zeros_like(xs[0])
    last = [[-100] * xs.shape[2] for _ in range(xs.shape[1])]
    out = []
    for t, x in enumerate(xs):
        free = torch.tensor([[t - s > period for s in row] for row in last])
        mem = beta * mem + x * free - fired.detach()
        fired = spike(mem - 1) * free
        last = [[t if f else s for f, s in zip(*rows, strict=True)] for rows in zip(fired.tolist(), last, strict=True)]
        out.append(fired)
    return torch.stack(out)


@pytest.mark.parametrize("period", [0, 1, 3])
def test_spikes_and_gradients_are_those_of_a_loop_by_hand(period: int) -> None:
    generator = torch.Generator().manual_seed(period)
    # strong enough to leave membranes above the threshold while they are silent
    xs = (6 * torch.rand(40, 3, 5, generator=generator, dtype=torch.float64) - 1).requires_grad_()
    beta = torch.linspace(0.5, 0.9, 5, dtype=torch.float64, requires_grad=True)
    expected = by_hand(xs, beta, period)
    weights = torch.rand(expected.shape, generator=generator, dtype=torch.float64)
    expected_gradients = torch.autograd.grad((weights * expected).sum(), [xs, beta])
    neuron = Resting(
        beta=beta.detach(), refractory_period=period, learn_beta=True, spike_grad=surrogate.fast_sigmoid(5)
    ).double()
    spk, _ = neuron.unroll(xs)
    assert torch.equal(spk, expected)
    assert float(spk.detach().mean()) > 0.1
    result = torch.autograd.grad((weights * spk).sum(), [xs, neuron.beta])
    torch.testing.assert_close(result, expected_gradients, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        lambda **o: mixed(snn.Synaptic)(alpha=0.9, beta=0.9, **o),
        lambda **o: mixed(snn.Alpha)(alpha=0.9, beta=0.8, **o),
        lambda **o: mixed(snn.Lapicque)(beta=0.9, **o),
        lambda **o: mixed(snn.ALIF)(beta=0.9, rho=0.9, **o),
        lambda **o: mixed(snn.AdLIF)(beta=0.5, rho=0.9, **o),
        lambda **o: mixed(snn.SEAdLIF)(beta=0.5, rho=0.9, q=1.0, **o),
        lambda **o: mixed(snn.SiLIF)(**o),
        lambda **o: mixed(snn.CSiLIF)(**o),
        lambda **o: mixed(snn.BRF)(omega=1.0, b=0.1, dt=0.5, **o),
        lambda **o: mixed(snn.TCLIF)(**o),
    ],
)
def test_any_neuron_may_be_refractory(make: Any) -> None:
    xs = 12 * torch.rand(60, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    free, _ = make(refractory_period=0).double().unroll(xs)
    spk, _ = make(refractory_period=3).double().unroll(xs)
    for b in range(2):
        for i in range(3):
            assert min(gaps(spk[:, b, i]), default=4) >= 4
    assert spk.sum() > 5
    assert any(gap < 4 for gap in gaps(free[:, 0, 0]))


def test_no_gradient_reaches_input_that_does_not_reach_the_neuron() -> None:
    xs = torch.full((6, 1), 1.5, requires_grad=True)
    _, states = Resting(beta=0.5, refractory_period=2).unroll(xs, trace=True)
    states.mem.sum().backward()
    assert xs.grad is not None
    assert (xs.grad != 0).flatten().tolist() == [True, False, False, True, False, False]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_thresholds_of_another_dtype_change_that_of_nothing(dtype: torch.dtype) -> None:
    neuron = Resting(beta=0.5, refractory_period=torch.tensor([1.0, 2.0, 3.0]), threshold=torch.tensor([0.3, 0.7, 1.0]))
    spk, state = neuron.unroll(torch.full((12, 2, 3), 5.0, dtype=dtype))
    assert {spk.dtype, *(s.dtype for s in state)} == {dtype}
    assert spk[:, 0].sum(0).tolist() == [6, 4, 3]


@pytest.mark.parametrize("spike_grad", [surrogate.straight_through_estimator(), surrogate.atan()], ids=repr)
def test_a_learned_threshold_hears_nothing_of_silent_neurons(spike_grad: surrogate.Surrogate) -> None:
    neuron = Resting(beta=0.5, refractory_period=4, learn_threshold=True, reset_mechanism="none", spike_grad=spike_grad)
    spk, _ = neuron.double().unroll(torch.full((5, 1, 1), 3.0, dtype=torch.float64))
    assert spk.flatten().tolist() == [1, 0, 0, 0, 0]
    spk.sum().backward()
    assert neuron.threshold.grad is not None
    assert neuron.threshold.grad.item() == pytest.approx(-spike_grad.derivative(torch.tensor(2.0)).item(), rel=1e-6)


def test_a_silent_neuron_inhibits_no_other() -> None:
    xs = torch.tensor([3.0, 2.0]).expand(8, 1, 2)
    spk, _ = Resting(beta=0.5, refractory_period=1, inhibition=True).unroll(xs)
    assert spk[:4, 0].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]


def test_a_recurrent_neuron_hears_nothing_of_itself_while_it_is_silent() -> None:
    class Both(snn.Recurrent, snn.Refractory, snn.Leaky):
        class State(NamedTuple):
            spk: Tensor
            wait: Tensor
            mem: Tensor

    neuron = Both(beta=0.5, refractory_period=1, reset_mechanism="none")
    neuron.connect(V=8.0, all_to_all=False, learn_recurrent=False)
    spk, states = neuron.unroll(torch.tensor([2.0, 0.0, 0.0, 0.0]).reshape(4, 1), trace=True)
    assert states.mem.flatten().tolist() == [2.0, 1.0, 0.5, 0.25]
    assert spk.flatten().tolist() == states.spk.flatten().tolist() == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("period", [-1, 1.5, math.inf, torch.tensor([0.0, 0.5])])
def test_a_period_that_is_not_a_number_of_steps_is_refused(period: Any) -> None:
    with pytest.raises(ValueError, match="Resting: refractory_period must be a whole number of steps, at least 0, got"):
        Resting(beta=0.5, refractory_period=period)


def test_the_duration_of_silence_is_reported() -> None:
    assert "refractory_period=2" in repr(Resting(beta=0.5, refractory_period=2))
