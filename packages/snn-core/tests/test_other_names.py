"""Tests of names that users of other libraries look for: the error says what to use instead."""

from __future__ import annotations

import re

import pytest
import torch

import snn_core
import snn_core as snn
from snn_core.neuron.other_names import REMEDIES

EXPECTED = {
    "IF": r"snn\.Leaky\(beta=1\.0\)",
    "LIFNode": r"snn\.Leaky\(beta=snn\.decay\(tau, dt\)\)",
    "LIFCell": r"snn\.Synaptic\(alpha, beta\)",
    "PLIF": r"snn\.Leaky\(beta=0\.9, learn_beta=True\)",
    "reset": r"snn\.utils\.reset\(net\)",
    "detach": r"snn\.utils\.detach\(net\)",
    "multi_step_forward": r"snn\.unroll\(net, xs\)",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_name_of_another_library_is_refused_with_what_to_use_instead(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"^module 'snn_core' has no attribute '{name}'; {EXPECTED[name]}"):
        getattr(snn, name)


def test_another_unknown_name_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match=r"^module 'snn_core' has no attribute 'leeky'$") as refusal:
        _ = snn.leeky  # type: ignore[attr-defined]
    assert (refusal.value.name, refusal.value.obj) == ("leeky", snn_core)  # Python suggests a name from these


@pytest.mark.parametrize("name", REMEDIES)
def test_each_remedy_names_something_that_exists(name: str) -> None:
    assert not hasattr(snn, name)
    for path in re.findall(r"\bsnn\.([\w.]+)", REMEDIES[name]):
        owner = snn
        for part in path.split("."):
            owner = getattr(owner, part)
        assert callable(owner)


def test_a_remedy_with_numbers_is_a_neuron_that_runs() -> None:
    calls = re.findall(r"snn\.(Leaky)\((.*?)\) ", " ".join(set(REMEDIES.values())))
    neurons = [eval(f"snn.{kind}({args})", {"snn": snn}) for kind, args in calls if "tau" not in args]
    assert len(neurons) == 3
    assert all(neuron.unroll(torch.ones(5, 3, 7))[0].shape == (5, 3, 7) for neuron in neurons)


def test_the_base_class_of_neurons_with_a_decay_is_refused_with_the_neuron() -> None:
    with pytest.raises(TypeError, match=r"^LIF is the base class of neurons .*; snn\.Leaky\(beta\) is the neuron$"):
        snn.LIF(beta=0.9)
