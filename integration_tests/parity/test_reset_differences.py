"""Resets and inhibition: where the peer is inconsistent, what it does, and the number that is right."""

from __future__ import annotations

from typing import Any

import pytest
import snntorch as peer
import torch
from torch import Tensor, nn

import snn_core as ours


def drive(neuron: nn.Module, inputs: list[float], recurrent: bool = False) -> tuple[list[float], list[float]]:
    """Spikes and membranes of one neuron under a sequence of numbers, from rest, with explicit states."""
    spks, mems, states = [], [], []
    for value in inputs:
        spk, *rest = neuron(torch.full((1, 1), value), *states)
        states = [spk, *rest] if recurrent else rest
        spks.append(float(spk))
        mems.append(float(rest[-1]))
    return spks, mems


ZERO = {
    # U1 = 1.5 fires, so U2 = 0 + 0.75 in ours; the peer drops the 0.75 and stays at 0
    "RLeaky": ({"beta": 0.5, "V": 0.0, "all_to_all": False, "learn_recurrent": False}, [1.5, 0.75], 0.75, 0.0),
    # alpha = 0.5: I1 = 1.5, I2 = 0.75 + 0.25 = 1.0; ours U2 = 0 + I2
    "Synaptic": ({"alpha": 0.5, "beta": 0.5}, [1.5, 0.25], 1.0, 0.0),
    "RSynaptic": (
        {"alpha": 0.5, "beta": 0.5, "V": 0.0, "all_to_all": False, "learn_recurrent": False},
        [1.5, 0.25],
        1.0,
        0.0,
    ),
    # R = 1, C = 2, step 1: U1 = 3 / 2 = 1.5 fires; ours U2 = 1.5 / 2 + (1 - 1 / 2) * 0
    "Lapicque": ({"R": 1.0, "C": 2.0}, [3.0, 1.5], 0.75, 0.0),
}


@pytest.mark.parametrize("name", ZERO)
def test_a_zero_reset_keeps_the_input_of_its_step_where_the_peers_drops_it(name: str) -> None:
    arguments, inputs, right, dropped = ZERO[name]
    for package, expected in ((ours, right), (peer, dropped)):
        neuron = getattr(package, name)(**arguments, reset_mechanism="zero")
        spks, mems = drive(neuron, inputs, name.startswith("R"))
        assert spks[0] == 1
        assert mems[1] == pytest.approx(expected)


def test_both_leaky_neurons_keep_the_input_of_a_zero_reset() -> None:
    for package in (ours, peer):
        # U1 = 1.5 fires; U2 = 0.5 * 0 + 0.75
        assert drive(package.Leaky(0.5, reset_mechanism="zero"), [1.5, 0.75])[1] == pytest.approx([1.5, 0.75])


UNDONE = {
    "Leaky": {"beta": 1.0},
    "RLeaky": {"beta": 1.0, "V": 0.0, "all_to_all": False, "learn_recurrent": False},
    "Synaptic": {"alpha": 0.0, "beta": 1.0},
}


@pytest.mark.parametrize("name", UNDONE)
def test_a_reset_without_delay_is_not_undone(name: str) -> None:
    # beta = 1, input 2.5, 0, 0, 0.  Ours: U = 2.5 fires, left at 1.5; 1.5 fires, left at 0.5; then silence.
    # The peer: U = 1.5 on entry counts as a reset to come, which the spike's own reset then takes back.
    arguments = UNDONE[name]
    neuron = drive(getattr(ours, name)(**arguments, reset_delay=False), [2.5, 0, 0, 0], name.startswith("R"))
    peer_net = drive(getattr(peer, name)(**arguments, reset_delay=False), [2.5, 0, 0, 0], name.startswith("R"))
    assert neuron == ([1, 1, 0, 0], pytest.approx([1.5, 0.5, 0.5, 0.5]))
    assert peer_net == ([1, 0, 0, 0], pytest.approx([1.5, 1.5, 1.5, 1.5]))


def test_a_recurrent_synaptic_neuron_resets_without_delay_where_the_peers_raises() -> None:
    arguments: dict[str, Any] = {
        "alpha": 0.0,
        "beta": 1.0,
        "V": 0.0,
        "all_to_all": False,
        "learn_recurrent": False,
        "reset_delay": False,
    }
    assert drive(ours.RSynaptic(**arguments), [2.5, 0, 0], recurrent=True)[1] == pytest.approx([1.5, 0.5, 0.5])
    with pytest.raises(TypeError):
        peer.RSynaptic(**arguments)(torch.ones(1, 1))


def test_an_alpha_neuron_drops_by_its_threshold_where_the_peers_does_not() -> None:
    # alpha = 0.5, beta = 0.25: tau = ln 0.5 / (ln 0.25 - ln 0.5) + 1 = 1 + 1 = 2
    # x = 4, 4: E1 = 4, Inh1 = -4, U1 = 2 * 0 = 0;  E2 = 2 + 4 = 6, Inh2 = -1 - 4 = -5, U2 = 2 * 1 = 2, fires
    # x = 0:    E3 = 3, Inh3 = -1.25, 2 * 1.75 = 3.5, less the threshold of 1 is 2.5, with E3 = 3 - 1/2
    inputs = [4.0, 4.0, 0.0]
    spks, mems = drive(ours.Alpha(0.5, 0.25, reset_mechanism="subtract"), inputs)
    assert spks == [0, 1, 1]
    assert mems == pytest.approx([0, 2, 2.5])
    # the peer lowers its membrane by -Inh2 = 5, whatever the threshold: 3.5 - 5
    assert drive(peer.Alpha(0.5, 0.25, reset_mechanism="subtract"), inputs)[1] == pytest.approx([0, 2, -1.5])


def compete(package: Any, reset: str, inputs: list[list[float]], **options: Any) -> tuple[Tensor, Tensor]:
    neuron = package.Leaky(1.0, inhibition=True, reset_mechanism=reset, **options)
    spks, mem = [], torch.zeros(1, 3)
    for row in inputs:
        spk, mem = neuron(torch.tensor([row]), mem)
        spks.append(spk[0])
    return torch.stack(spks), mem[0]


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_only_the_winner_of_an_inhibition_is_reset(reset: str) -> None:
    # all three are above the threshold, the second most; only it fires and only it may pay for it
    inputs = [[1.25, 1.75, 1.5], [0.0, 0.0, 0.0]]
    spks, mem = compete(ours, reset, inputs)
    assert spks.tolist() == [[0, 1, 0], [0, 0, 1]]
    left = {"subtract": 0.75, "zero": 0.0}[reset]
    assert mem.tolist() == pytest.approx([1.25, left, 1.5])
    # the peer resets the losers as well, which fired nothing
    _, mem = compete(peer, reset, inputs)
    assert mem.tolist() == pytest.approx({"subtract": [0.25, 0.75, 0.5], "zero": [0.0, 0.0, 0.0]}[reset])


def test_inhibited_spikes_are_graded() -> None:
    inputs = [[1.25, 1.75, 1.5]]
    assert compete(ours, "subtract", inputs, graded_spikes_factor=0.5)[0].tolist() == [[0, 0.5, 0]]
    assert compete(peer, "subtract", inputs, graded_spikes_factor=0.5)[0].tolist() == [[0, 1, 0]]


def test_neurons_of_an_image_compete_along_axis_1() -> None:
    x = torch.zeros(2, 3, 2, 4)
    x[0, 0, 1, 2], x[0, 2, 1, 2], x[1, 1, 0, 0] = 1.5, 2.5, 1.25
    spk, _ = ours.Leaky(0.5, inhibition=True)(x)
    assert spk.nonzero().tolist() == [[0, 2, 1, 2], [1, 1, 0, 0]]
    with pytest.raises(IndexError):
        peer.Leaky(0.5, inhibition=True)(x)


@pytest.mark.parametrize("reset", ["zero", "none"])
def test_setting_the_reset_mechanism_changes_the_next_step(reset: str) -> None:
    # U1 = 1.5 fires; then x = 0.25: zero gives 0.25, none 1.75, and subtract, as the peer goes on doing, 0.75
    for package, expected in ((ours, {"zero": 0.25, "none": 1.75}[reset]), (peer, 0.75)):
        neuron = package.Leaky(1.0)
        _, mem = neuron(torch.full((1, 1), 1.5), torch.zeros(1, 1))
        neuron.reset_mechanism = reset
        _, mem = neuron(torch.full((1, 1), 0.25), mem)
        assert float(mem) == pytest.approx(expected)


@pytest.mark.parametrize("reset", ["zero", "none"])
def test_loading_a_reset_mechanism_changes_the_next_step(reset: str) -> None:
    for package, expected in ((ours, {"zero": 0.25, "none": 1.75}[reset]), (peer, 0.75)):
        neuron = package.Leaky(1.0)
        neuron.load_state_dict(package.Leaky(1.0, reset_mechanism=reset).state_dict())
        _, mem = neuron(torch.full((1, 1), 0.25), torch.full((1, 1), 1.5))
        assert float(mem) == pytest.approx(expected)
