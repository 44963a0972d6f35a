"""Constructors against the peer's: its parameters, in its order, with its defaults, come first."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

import pytest
import snntorch as peer
import snntorch.surrogate
import snntorch.utils
import torch
from torch import Tensor, nn

import snn_core as ours

from .cases import KINDS, Kind
from .comparison import pair
from .exclusions import SHARED

NEURONS = [
    "SpikingNeuron",
    "LIF",
    "Leaky",
    "RLeaky",
    "Synaptic",
    "RSynaptic",
    "Lapicque",
    "Alpha",
    "SLSTM",
    "SConv2dLSTM",
    "LeakyParallel",
    "StateLeaky",
    "LinearLeaky",
    "AssociativeLeaky",
    "BatchNormTT1d",
    "BatchNormTT2d",
]
SURROGATES = [
    "atan",
    "fast_sigmoid",
    "sigmoid",
    "straight_through_estimator",
    "triangular",
    "heaviside",
    "spike_rate_escape",
    "SSO",
    "LSO",
    "SFS",
    "custom_surrogate",
]
POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def defaults(callable_: Callable[..., Any]) -> list[tuple[str, Any]]:
    """Positional parameters and their defaults, in order."""
    return [(p.name, p.default) for p in inspect.signature(callable_).parameters.values() if p.kind in POSITIONAL]


def assert_extends(result: Callable[..., Any], expected: list[tuple[str, Any]]) -> None:
    assert defaults(result) == expected
    for parameter in inspect.signature(result).parameters.values():
        if parameter.kind == Parameter.KEYWORD_ONLY:
            assert parameter.default is not Parameter.empty, f"{parameter.name} must have a default"


@pytest.mark.parametrize("name", NEURONS)
def test_a_constructor_takes_the_peers_arguments_first(name: str) -> None:
    assert_extends(getattr(ours, name), defaults(getattr(peer, name)))


@pytest.mark.parametrize("name", SURROGATES)
def test_a_surrogate_takes_the_peers_arguments(name: str) -> None:
    assert_extends(getattr(ours.surrogate, name), defaults(getattr(peer.surrogate, name)))


def test_delta_leaky_takes_its_threshold_and_then_what_the_peers_leaky_takes() -> None:
    assert_extends(ours.DeltaLeaky, defaults(peer.DeltaLeaky))
    surrogates = [package.surrogate.fast_sigmoid() for package in (ours, peer)]
    for package, surrogate in zip((ours, peer), surrogates, strict=True):
        neuron = package.DeltaLeaky(0.4, 0.8, 1.2, surrogate, False, True)
        assert float(neuron.delta_threshold) == pytest.approx(0.4)
        assert float(neuron.beta) == pytest.approx(0.8)
        assert float(neuron.threshold) == pytest.approx(1.2)
        assert neuron.spike_grad is surrogate
        assert neuron.init_hidden


def test_delta_leaky_wants_a_beta() -> None:
    with pytest.raises(TypeError, match="beta"):
        ours.DeltaLeaky(1.0)


def test_graded_spikes_takes_the_peers_arguments_and_may_do_without_the_factor() -> None:
    assert defaults(ours.GradedSpikes) == [("size", Parameter.empty), ("constant_factor", None)]
    assert [name for name, _ in defaults(peer.GradedSpikes)] == ["size", "constant_factor"]


def test_an_associative_neuron_is_also_built_from_its_number_of_neurons() -> None:
    assert_extends(
        ours.AssociativeLeaky.from_num_spiking_neurons, defaults(peer.AssociativeLeaky.from_num_spiking_neurons)
    )


def test_the_reset_of_a_net_takes_the_peers_argument() -> None:
    assert_extends(ours.utils.reset, defaults(peer.utils.reset))


ONLY_HERE = {
    "SpikingNeuron": ("reset_delay",),
    "RLeaky": ("graded_spikes_factor", "learn_graded_spikes_factor"),
    "Synaptic": ("graded_spikes_factor", "learn_graded_spikes_factor"),
    "RSynaptic": ("graded_spikes_factor", "learn_graded_spikes_factor"),
    "Lapicque": ("reset_delay", "graded_spikes_factor"),
    "Alpha": ("reset_delay", "graded_spikes_factor"),
    "SLSTM": ("reset_delay", "graded_spikes_factor"),
    "SConv2dLSTM": ("reset_delay", "graded_spikes_factor"),
}


@pytest.mark.parametrize("name", ONLY_HERE)
def test_options_that_the_peers_class_lacks_are_keyword_only(name: str) -> None:
    parameters = inspect.signature(getattr(ours, name)).parameters
    peer_parameters = inspect.signature(getattr(peer, name)).parameters
    for option in ONLY_HERE[name]:
        assert option not in peer_parameters
        assert parameters[option].kind == Parameter.KEYWORD_ONLY


METHODS = {
    "Leaky": "init_leaky",
    "RLeaky": "init_rleaky",
    "Synaptic": "init_synaptic",
    "RSynaptic": "init_rsynaptic",
    "Lapicque": "init_lapicque",
    "Alpha": "init_alpha",
    "SLSTM": "init_slstm",
    "SConv2dLSTM": "init_sconv2dlstm",
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_arguments_of_a_neuron_are_read_back_under_the_peers_names(kind: Kind) -> None:
    case = next(case for case in SHARED if case.kind is kind)
    neuron, peer_neuron = pair(case, 0)
    readable = [name for name in inspect.signature(type(peer_neuron)).parameters if hasattr(peer_neuron, name)]
    assert "threshold" in readable or kind.neuron == "DeltaLeaky"
    for name in readable:
        left, right = getattr(neuron, name), getattr(peer_neuron, name)
        if isinstance(right, Tensor):
            assert torch.equal(left.reshape(right.shape), right), name
            assert isinstance(left, nn.Parameter) == isinstance(right, nn.Parameter), name
        elif name != "spike_grad":
            assert left == right, name


@pytest.mark.parametrize("name", METHODS)
def test_a_neuron_forgets_its_state_by_the_peers_methods(name: str) -> None:
    kind = next(kind for kind in KINDS if kind.neuron == name)
    peer_neuron, neuron = (getattr(package, name)(**kind.arguments(), init_hidden=True) for package in (peer, ours))
    for method in ("reset_mem", METHODS[name]):
        neuron(torch.ones(kind.shape))
        left, right = getattr(neuron, method)(), getattr(peer_neuron, method)()
        assert isinstance(left, Tensor) == isinstance(right, Tensor)
        for empty, zero in zip(
            [left] if isinstance(left, Tensor) else left, [right] if isinstance(right, Tensor) else right, strict=True
        ):
            assert empty.shape == zero.shape == (0,)
