"""Tests of a spike's effect on its neuron: the three resets, delayed or immediate, in numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import snn_core as snn


def run(neuron: snn.SpikingNeuron, inputs: list[float]) -> tuple[list[float], dict[str, list[float]]]:
    """Spikes and the states by name, of one neuron over time."""
    spks, states, state = [], [], None
    for value in inputs:
        spk, state = neuron.step(torch.tensor([[value]], dtype=torch.float64), state)
        spks.append(spk.item())
        states.append([s.item() for s in state])
    columns = zip(*states, strict=True)
    return spks, dict(zip(type(state)._fields, (list(c) for c in columns), strict=True))


def one_to_one(kind: type, **options: Any) -> snn.SpikingNeuron:
    return kind(V=0.5, all_to_all=False, **options).double()


def test_zero_clears_the_membrane_of_synaptic_and_then_integrates_the_input() -> None:
    # alpha = beta = 0.5. I: 1.5, 0.75, 0.375 + 1 = 1.375. U: 1.5 fires; cleared + 0.75; 0.5 * 0.75 + 1.375 = 1.75
    neuron = snn.Synaptic(alpha=0.5, beta=0.5, reset_mechanism="zero").double()
    spks, states = run(neuron, [1.5, 0.0, 1.0])
    assert spks == [1, 0, 1]
    assert states == {"syn": [1.5, 0.75, 1.375], "mem": [1.5, 0.75, 1.75]}


def test_zero_clears_the_membrane_of_rleaky_and_then_integrates_input_and_recurrence() -> None:
    # V = 0.5, beta = 0.5. U: 1.5 fires; cleared + 0.2 + 0.5 * 1 = 0.7; 0.35 + 0.2 = 0.55
    spks, states = run(one_to_one(snn.RLeaky, beta=0.5, reset_mechanism="zero"), [1.5, 0.2, 0.2])
    assert spks == [1, 0, 0]
    assert states["mem"] == pytest.approx([1.5, 0.7, 0.55])
    assert states["spk"] == [1, 0, 0]


def test_zero_clears_the_membrane_of_rsynaptic_and_then_integrates_the_current() -> None:
    # alpha = beta = V = 0.5. I: 1.5; 0.75 + 0.5 = 1.25; 0.625 + 0.5. U: 1.5 fires; 1.25 fires; cleared + 1.125 fires
    spks, states = run(one_to_one(snn.RSynaptic, alpha=0.5, beta=0.5, reset_mechanism="zero"), [1.5, 0.0, 0.0])
    assert spks == [1, 1, 1]
    assert states["syn"] == [1.5, 1.25, 1.125]
    assert states["mem"] == [1.5, 1.25, 1.125]


def test_zero_clears_the_membrane_of_lapicque_and_then_integrates_the_input() -> None:
    # R = C = 2, one step: U' = x / 2 + 0.75 U. x = 3: 1.5 fires; cleared + 0.25; 0.25 + 0.1875
    spks, states = run(snn.Lapicque(R=2.0, C=2.0, reset_mechanism="zero").double(), [3.0, 0.5, 0.5])
    assert spks == [1, 0, 0]
    assert states["mem"] == [1.5, 0.25, 0.4375]


# alpha = 0.5 and beta = 0.25 give tau = ln 0.5 / (ln 0.25 - ln 0.5) + 1 = 2 and U = 2 (E + Inh).
def alpha(**options: Any) -> snn.SpikingNeuron:
    return snn.Alpha(
        alpha=torch.tensor(0.5, dtype=torch.float64), beta=torch.tensor(0.25, dtype=torch.float64), **options
    )


def test_subtract_takes_from_alphas_excitation_what_lowers_its_membrane_by_the_threshold() -> None:
    # E: 3, 1.5, 0.75 - 1/2 = 0.25, 0.125. Inh: -3, -0.75, -0.1875, -0.046875. U: 0, 1.5 fires, 0.125, 0.15625
    spks, states = run(alpha(reset_mechanism="subtract"), [3.0, 0.0, 0.0, 0.0])
    assert spks == [0, 1, 0, 0]
    assert states["syn_exc"] == pytest.approx([3, 1.5, 0.25, 0.125])
    assert states["syn_inh"] == pytest.approx([-3, -0.75, -0.1875, -0.046875])
    assert states["mem"] == pytest.approx([0, 1.5, 0.125, 0.15625])


def test_zero_clears_all_of_alpha_with_the_input_of_that_step() -> None:
    # the default: in the step after the spike E', Inh' and U' are multiplied by 0, whatever came in
    spks, states = run(alpha(), [3.0, 0.0, 2.0, 1.0])
    assert spks == [0, 1, 0, 0]
    assert states["syn_exc"] == pytest.approx([3, 1.5, 0, 1])
    assert states["syn_inh"] == pytest.approx([-3, -0.75, 0, -1])
    assert states["mem"] == pytest.approx([0, 1.5, 0, 0])


def test_alpha_reset_at_once() -> None:
    # subtract: E 1.5 - 0.5 = 1, U 1.5 - 1 = 0.5; then E 0.5, Inh -0.1875, U 2 * 0.3125 = 0.625
    spks, states = run(alpha(reset_mechanism="subtract", reset_delay=False), [3.0, 0.0, 0.0])
    assert spks == [0, 1, 0]
    assert states["syn_exc"] == pytest.approx([3, 1, 0.5])
    assert states["mem"] == pytest.approx([0, 0.5, 0.625])
    spks, states = run(alpha(reset_mechanism="zero", reset_delay=False), [3.0, 0.0, 0.0])
    assert spks == [0, 1, 0]
    assert [states[name][1:] for name in states] == [[0, 0]] * 3


def test_a_reset_at_once_is_not_undone_in_the_next_step() -> None:
    # beta = 1: 2.5 fires and leaves 1.5; 1.5 fires and leaves 0.5; then silence
    spks, states = run(snn.Leaky(beta=1.0, reset_delay=False), [2.5, 0.0, 0.0, 0.0])
    assert spks == [1, 1, 0, 0]
    assert states["mem"] == [1.5, 0.5, 0.5, 0.5]


def test_a_zero_reset_at_once_leaves_nothing() -> None:
    spks, states = run(snn.Leaky(beta=1.0, reset_mechanism="zero", reset_delay=False), [2.5, 0.5, 0.75])
    assert spks == [1, 0, 1]
    assert states["mem"] == [0, 0.5, 0]


def test_a_reset_at_once_leaves_the_synaptic_current_alone() -> None:
    # I: 1.5, 0.75. U: 1.5 - 1 = 0.5; 0.25 + 0.75 = 1.0, which is not above the threshold
    spks, states = run(snn.Synaptic(alpha=0.5, beta=0.5, reset_delay=False).double(), [1.5, 0.0])
    assert spks == [1, 0]
    assert states == {"syn": [1.5, 0.75], "mem": [0.5, 1.0]}


def test_a_reset_at_once_works_where_it_is_recurrent() -> None:
    # V = 0.5. I: 1.5; 0.75 + 0.5 = 1.25. U: 1.5 - 1 = 0.5; 0.25 + 1.25 = 1.5 fires, leaves 0.5
    spks, states = run(one_to_one(snn.RSynaptic, alpha=0.5, beta=0.5, reset_delay=False), [1.5, 0.0])
    assert spks == [1, 1]
    assert states["mem"] == [0.5, 0.5]


def test_the_graded_factor_scales_spikes_and_never_the_reset() -> None:
    for delay, mems in ((True, [2.5, 1.5]), (False, [1.5, 0.5])):
        neuron = snn.Leaky(beta=1.0, graded_spikes_factor=0.25, reset_delay=delay)
        spks, states = run(neuron, [2.5, 0.0])
        assert spks == [0.25, 0.25]
        assert states["mem"] == mems


def test_a_reset_at_once_carries_the_surrogates_gradient_and_a_delayed_one_none() -> None:
    # beta = 1, theta = 1, x = 1.5, d = 1 / (1 + 5 * 0.5)^2. At once: U = x - F, dU/dx = 1 - d, dU/dtheta = d - 1.
    # Delayed, one step on: U2 = U1 - R, dU2/dx = 1, dU2/dtheta = -1
    surrogate = snn.surrogate.fast_sigmoid(slope=5)
    d = 1 / 3.5**2

    def membrane(steps: int, delay: bool) -> tuple[float, float]:
        lif = snn.Leaky(beta=1.0, spike_grad=surrogate, reset_delay=delay, learn_threshold=True).double()
        x = torch.full((1, 1), 1.5, dtype=torch.float64, requires_grad=True)
        _, state = lif.step(x, None)
        for _ in range(steps - 1):
            _, state = lif.step(torch.zeros_like(x), state)
        state.mem.sum().backward()
        return x.grad.item(), lif.threshold.grad.item()

    assert membrane(1, delay=False) == pytest.approx((1 - d, d - 1))
    assert membrane(2, delay=True) == pytest.approx((1.0, -1.0))


def test_the_reset_may_be_changed_between_two_steps() -> None:
    lif = snn.Leaky(beta=0.5, init_hidden=True, output=True)
    x = torch.tensor([[1.5]])
    lif(x)
    # subtract would leave 0.5 * 1.5 - 1; zero leaves the input
    lif.reset_mechanism = "zero"
    assert lif(torch.tensor([[0.25]]))[1].item() == 0.25
    lif.reset_mechanism = "none"
    lif(x)
    # 0.5 * (0.125 + 1.5)
    assert lif(torch.zeros(1, 1))[1].item() == 0.8125


def test_loading_a_state_dict_brings_its_reset_along() -> None:
    for name in ("subtract", "zero", "none"):
        saved = snn.Leaky(beta=0.5, reset_mechanism=name).state_dict()
        for before in ("subtract", "zero", "none"):
            lif = snn.Leaky(beta=0.5, reset_mechanism=before)
            lif.load_state_dict(saved)
            assert lif.reset_mechanism == name
            expected = {"subtract": -0.25, "zero": 0.0, "none": 0.75}[name]
            assert run(lif, [1.5, 0.0])[1]["mem"][1] == expected


def test_the_codes_of_the_resets_are_those_of_saved_networks() -> None:
    codes = {n: snn.Leaky(beta=0.5, reset_mechanism=n).reset_mechanism_val.item() for n in ("subtract", "zero", "none")}
    assert codes == {"subtract": 0, "zero": 1, "none": 2}


def test_an_unknown_reset_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"Leaky.*reset_mechanism.*subtract.*zero.*none.*'substract'"):
        snn.Leaky(beta=0.5, reset_mechanism="substract")
    lif = snn.Leaky(beta=0.5)
    with pytest.raises(ValueError, match="reset_mechanism"):
        lif.reset_mechanism = "hard"
    assert lif.reset_mechanism == "subtract"


def test_a_threshold_per_neuron_is_what_each_neuron_loses() -> None:
    lif = snn.Leaky(beta=1.0, threshold=torch.tensor([0.5, 1.0, 2.0]))
    state: Any = None
    for x in (3.0, 0.0):
        _, state = lif.step(torch.full((1, 3), x), state)
    mem: Tensor = state.mem
    assert mem.tolist() == [[2.5, 2.0, 1.0]]
