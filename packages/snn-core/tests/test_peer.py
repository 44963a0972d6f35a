"""Rules of snnTorch, each switched on by its name; beside snnTorch itself they are tested among the parity tests."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import snn_core as snn

from .zoo import call_loop, close, gradients, step_loop


@pytest.fixture(autouse=True)
def switched_off() -> Iterator[None]:
    with snn.peer.following(zero_reset_drops_input=False, silent_is_class_0=False):
        yield


ONE_TO_ONE = {"V": 0.5, "all_to_all": False}
# all of them fire in their first step, so that the second one's input is lost with the membrane
DROPS: dict[str, tuple[dict[str, Any], list[float]]] = {
    "Synaptic": ({"alpha": 0.5, "beta": 0.5}, [1.5, 0.25]),
    "RLeaky": ({"beta": 0.5, **ONE_TO_ONE}, [1.5, 0.25]),
    "RSynaptic": ({"alpha": 0.5, "beta": 0.5, **ONE_TO_ONE}, [1.5, 0.25]),
    "Lapicque": ({"R": 1.0, "C": 2.0}, [3.0, 0.5]),
}


def build_neuron(name: str, **options: Any) -> snn.SpikingNeuron:
    return getattr(snn, name)(**DROPS[name][0], reset_mechanism="zero", **options)


def last_membrane(neuron: snn.SpikingNeuron, inputs: list[float]) -> float:
    return step_loop(neuron, torch.tensor(inputs).view(-1, 1, 1))[1].mem.item()


@pytest.mark.parametrize("name", DROPS)
def test_a_neuron_keeps_the_rule_that_held_when_it_was_built(name: str) -> None:
    before = build_neuron(name)
    with snn.peer.following():
        neuron = build_neuron(name)
    after = build_neuron(name)
    inputs = DROPS[name][1]
    assert last_membrane(neuron, inputs) == 0
    assert last_membrane(before, inputs) == last_membrane(after, inputs) > 0.2
    for twin in (copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))):
        assert last_membrane(twin, inputs) == 0
    neuron.load_state_dict(after.state_dict())
    assert last_membrane(neuron, inputs) == 0


@pytest.mark.parametrize("name", DROPS)
def test_a_sequence_is_the_loop(name: str) -> None:
    with snn.peer.following():
        neuron = build_neuron(name, init_hidden=True, learn_beta=name != "Lapicque").double()
    xs = torch.randn(7, 3, 5, dtype=torch.float64).mul(1.5).requires_grad_()
    inputs = [xs, *neuron.parameters()]
    expected = call_loop(neuron, xs)
    spk = snn.unroll(neuron, xs)
    assert 0 < spk.detach().mean() < 1
    close(spk, expected)
    close(gradients([spk], inputs), gradients([expected], inputs))
    assert "drops_input" in repr(neuron)


@pytest.mark.parametrize("options", [{"reset_mechanism": "subtract"}, {"reset_delay": False}], ids=str)
def test_only_the_delayed_reset_to_zero_follows_the_rule(options: dict[str, Any]) -> None:
    arguments = {"alpha": 0.5, "beta": 0.5, "reset_mechanism": "zero", **options}
    with snn.peer.following():
        twin = snn.Synaptic(**arguments)
    ours, xs = snn.Synaptic(**arguments), torch.randn(9, 2, 3) * 2
    close(twin.unroll(xs), ours.unroll(xs))
    assert "drops_input" not in repr(twin)


@pytest.mark.parametrize(
    "make", [lambda: snn.Leaky(beta=0.5, reset_mechanism="zero"), lambda: snn.Alpha(alpha=0.9, beta=0.5)]
)
def test_neurons_on_whose_reset_both_agree_are_as_they_were(make: Any) -> None:
    with snn.peer.following():
        twin = make()
    xs = torch.randn(9, 2, 3) * 2
    close(twin.unroll(xs), make().unroll(xs))


def test_a_saved_net_is_loaded_only_into_one_with_the_same_rule(tmp_path: Any) -> None:
    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 2), build_neuron("Synaptic", init_hidden=True))

    with snn.peer.following():
        twin, again = net(), net()
    snn.save(tmp_path / "net.safetensors", twin)
    snn.load(tmp_path / "net.safetensors", again)
    with pytest.raises(ValueError, match=r"'1\.zero_drops_input' is True in the file and False in the net"):
        snn.load(tmp_path / "net.safetensors", net())


def test_effects_of_the_block_end_with_it_even_after_an_error() -> None:
    with snn.peer.following(silent_is_class_0=False) as rules:
        assert rules is snn.peer.rules
        assert (rules.zero_reset_drops_input, rules.silent_is_class_0) == (True, False)
    assert rules == snn.peer.Rules()
    with pytest.raises(KeyError), snn.peer.following():
        raise KeyError
    assert snn.peer.rules == snn.peer.Rules()


@pytest.mark.parametrize("options", [{"silent_is_class_0": 1}, {"zero_reset_drops_input": None}], ids=str)
@pytest.mark.parametrize("rule", [True, False])
def test_an_invalid_value_switches_no_rule(options: dict[str, Any], rule: bool) -> None:
    snn.peer.rules.zero_reset_drops_input = rule
    before = copy.copy(snn.peer.rules)
    with pytest.raises(TypeError, match="must be True or False, got"), snn.peer.following(**options):
        pass
    assert snn.peer.rules == before


def test_unknown_rules_and_invalid_values_are_refused() -> None:
    with pytest.raises(AttributeError, match="no rule 'zero_reset'; the rules are zero_reset_drops_input, silent_is"):
        snn.peer.rules.zero_reset = True
    with pytest.raises(TypeError, match="silent_is_class_0 must be True or False, got 1"):
        snn.peer.rules.silent_is_class_0 = 1
    assert snn.peer.rules == snn.peer.Rules()
