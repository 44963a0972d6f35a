"""Synaptic and Alpha against their impulse responses in closed form."""

from __future__ import annotations

import math

import pytest
import torch

import snn_core as snn

from .zoo import step_loop


def impulse(neuron: snn.SpikingNeuron, num_steps: int = 12):
    """The trace of all states after an input of 1 in the first step only."""
    xs = torch.zeros(num_steps, 1, 1, dtype=torch.float64)
    xs[0] = 1.0
    _, trace = neuron.unroll(xs, trace=True)
    return trace


def test_a_synaptic_neuron_answers_an_impulse_with_a_difference_of_exponentials() -> None:
    # I[t] = a^(t-1), U[t] = (a^t - b^t) / (a - b)
    trace = impulse(snn.Synaptic(alpha=0.75, beta=0.5, threshold=100.0).double())
    for t in range(1, 13):
        assert trace.syn[t - 1].item() == pytest.approx(0.75 ** (t - 1))
        assert trace.mem[t - 1].item() == pytest.approx((0.75**t - 0.5**t) / 0.25)


def test_equal_decays_give_the_alpha_shaped_limit() -> None:
    # a = b: U[t] = t a^(t-1)
    trace = impulse(snn.Synaptic(alpha=0.5, beta=0.5, threshold=100.0).double())
    assert trace.mem.flatten().tolist() == pytest.approx([t * 0.5 ** (t - 1) for t in range(1, 13)])


def test_a_constant_input_settles_at_the_product_of_both_gains() -> None:
    # I -> x / (1 - a), U -> I / (1 - b)
    neuron = snn.Synaptic(alpha=0.5, beta=0.75, threshold=100.0).double()
    _, last = neuron.unroll(torch.full((200, 1, 1), 0.3, dtype=torch.float64))
    assert last.syn.item() == pytest.approx(0.6)
    assert last.mem.item() == pytest.approx(2.4)


def test_an_alpha_neuron_answers_an_impulse_with_its_alpha_function() -> None:
    # E[t] = a^(t-1), Inh[t] = -b^(t-1), U[t] = tau (a^(t-1) - b^(t-1)), tau = ln a / (ln b - ln a) + 1
    trace = impulse(snn.Alpha(alpha=0.75, beta=0.5, threshold=100.0).double())
    tau = math.log(0.75) / (math.log(0.5) - math.log(0.75)) + 1
    for t in range(1, 13):
        assert trace.syn_exc[t - 1].item() == pytest.approx(0.75 ** (t - 1))
        assert trace.syn_inh[t - 1].item() == pytest.approx(-(0.5 ** (t - 1)))
        assert trace.mem[t - 1].item() == pytest.approx(tau * (0.75 ** (t - 1) - 0.5 ** (t - 1)), abs=1e-12)


@pytest.mark.parametrize(
    ("alpha", "beta"),
    [
        *((0.5, 0.5), (0.4, 0.6), (torch.tensor([0.9, 0.5]), 0.5), (1.2, 1.0)),
        *((1.5, 1.2), (-0.1, -0.2), (0.0, -0.2)),  # which are equal once they are clamped
    ],
    ids=str,
)
def test_alpha_must_decay_slower_than_beta_and_beta_must_decay(alpha, beta) -> None:
    with pytest.raises(ValueError, match=r"Alpha.*(alpha|beta)"):
        snn.Alpha(alpha=alpha, beta=beta, learn_alpha=True, learn_beta=True)


def test_alpha_learns_both_of_its_decays() -> None:
    neuron = snn.Alpha(alpha=0.75, beta=0.5, learn_alpha=True, learn_beta=True, threshold=100.0).double()
    trace = impulse(neuron, 3)
    # U[2] = tau (a - b); by the formula of tau, dU/da and dU/db as finite differences of it
    trace.mem[1].sum().backward()

    def peak(a: float, b: float) -> float:
        return (math.log(a) / (math.log(b) - math.log(a)) + 1) * (a - b)

    h = 1e-6
    assert neuron.alpha.grad.item() == pytest.approx((peak(0.75 + h, 0.5) - peak(0.75 - h, 0.5)) / (2 * h), rel=1e-6)
    assert neuron.beta.grad.item() == pytest.approx((peak(0.75, 0.5 + h) - peak(0.75, 0.5 - h)) / (2 * h), rel=1e-6)


@pytest.mark.parametrize("run", [step_loop, lambda neuron, xs: neuron.unroll(xs)], ids=["loop", "unroll"])
@pytest.mark.parametrize("alpha", [0.75, 1.0])
@pytest.mark.parametrize("beta", [0.0, -0.5])
def test_an_inhibitory_current_of_one_step_learns_to_last(beta, alpha, run) -> None:
    # b = 0: tau = 1, U[T] = sum of a^(T-t) x[t], - x[T]; dU/da = sum of (T-t) a^(T-t-1) x[t], dU/db = - x[T-1]
    neuron = snn.Alpha(alpha, beta=0.0, learn_alpha=True, learn_beta=True, threshold=1e3).double()
    with torch.no_grad():
        neuron.beta.fill_(beta)
    xs = torch.arange(1.0, 10.0, dtype=torch.float64)
    _, last = run(neuron, xs.reshape(-1, 1, 1))
    last.mem.backward()
    assert last.mem.item() == pytest.approx(sum(alpha ** (9 - t) * t for t in range(1, 9)))
    assert neuron.alpha.grad.item() == pytest.approx(sum((9 - t) * alpha ** (8 - t) * t for t in range(1, 9)))
    assert neuron.beta.grad.item() == (-8.0 if beta == 0 else 0.0)


def test_the_states_of_synaptic_and_alpha_come_in_their_documented_order() -> None:
    x = torch.full((1, 1), 0.5)
    spk, syn, mem = snn.Synaptic(alpha=0.5, beta=0.5)(x, torch.full((1, 1), 1.0), torch.full((1, 1), 0.5))
    # I = 0.5 + 0.5, U = 0.25 + 1
    assert (spk.item(), syn.item(), mem.item()) == (1.0, 1.0, 1.25)
    spk, exc, inh, mem = snn.Alpha(alpha=0.5, beta=0.25)(x, torch.ones(1, 1), -torch.ones(1, 1), torch.zeros(1, 1))
    # E = 0.5 + 0.5, Inh = -0.25 - 0.5, U = 2 * 0.25
    assert (spk.item(), exc.item(), inh.item()) == (0.0, 1.0, -0.75)
    assert mem.item() == pytest.approx(0.5)


def test_states_may_be_passed_by_name() -> None:
    x = torch.zeros(1, 1)
    _, syn, mem = snn.Synaptic(alpha=0.5, beta=0.5, threshold=5.0)(x, mem=torch.ones(1, 1))
    assert (syn.item(), mem.item()) == (0.0, 0.5)
    with pytest.raises(TypeError, match=r"Synaptic.*'voltage'.*syn.*mem"):
        snn.Synaptic(alpha=0.5, beta=0.5)(x, voltage=x)
