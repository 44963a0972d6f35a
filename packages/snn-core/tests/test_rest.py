"""A first step without a state equals one from zeros, although the first has nothing to reset."""

from __future__ import annotations

import pytest
import torch

import snn_core as snn

from .zoo import VARIANTS, Case, gradients


def exactly(left: object, right: object) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("threshold", [None, 0.0, 0.5, -0.5])
@pytest.mark.parametrize("case", VARIANTS, ids=str)
def test_no_state_is_a_state_of_zeros(case: Case, threshold: float | None) -> None:
    options = {} if threshold is None else {"threshold": threshold}
    results = []
    for from_zeros in (False, True):
        neuron = case.make(**options)
        x = case.input(1)[0].requires_grad_()
        state = None
        if from_zeros:
            after = neuron.step(x.detach())[1]
            state = after._make(torch.zeros_like(s) for s in after)
        spk, state = neuron.step(x, state)
        results.append((spk, *state, *gradients([spk, *state], [x, *neuron.parameters()])))
    exactly(results[0], results[1])


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_a_user_sees_every_reset_of_a_neuron_that_defines_it(reset: str) -> None:
    resets = []

    class Watched(snn.Leaky):
        def subtract(self, state, amount):
            resets.append(amount)
            return super().subtract(state, amount)

        def clear(self, state, fired):
            resets.append(fired)
            return super().clear(state, fired)

    Watched(beta=0.5, reset_mechanism=reset).step(torch.ones(1, 2))
    assert [signal.tolist() for signal in resets] == [[[0.0, 0.0]]]


def test_a_membrane_above_the_threshold_at_rest_is_reset() -> None:
    class Raised(snn.Leaky):
        def membrane(self, state):
            return state.mem + 2.5

    spk, state = Raised(beta=0.5).step(torch.zeros(1, 1))
    assert (spk.item(), state.mem.item()) == (1.0, -1.0)
