"""Networks for speech: published numbers of parameters, membranes, all steps at once, bad arguments."""

from __future__ import annotations

import pytest
import torch

from snn_core import DelayedLinear, Leaky, Readout, Recurrent, RLeaky, Synaptic
from snn_models import delayed_speech, feedforward_speech, recurrent_speech

from .comparison import assert_unroll_is_the_loop

NETWORKS = {"dense": feedforward_speech, "recurrent": recurrent_speech, "delayed": delayed_speech}
SMALL = {
    "dense": lambda: feedforward_speech(
        4, inputs=9, hidden=(7, 5), neuron=lambda: Synaptic(0.9, 0.8, init_hidden=True)
    ),
    "recurrent": lambda: recurrent_speech(4, inputs=9, hidden=(7, 5)),
    "recurrent leaky": lambda: recurrent_speech(
        4, inputs=9, hidden=(7,), neuron=lambda n: RLeaky(0.9, linear_features=n, init_hidden=True)
    ),
    "delayed": lambda: delayed_speech(4, inputs=9, hidden=(7, 5), max_delay=3),
}


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_networks_have_as_many_parameters_as_in_the_papers():
    # Bittar and Garner: RadLIF of 3 layers of 1024 features, 3.9 M; Hammouamri et al.: 2 hidden layers on SHD, 0.2 M
    assert round(count(recurrent_speech()) / 1e6, 1) == 3.9
    assert round(count(delayed_speech()) / 1e6, 1) == 0.2


def test_a_dense_network_has_the_parameters_of_its_layers():
    assert count(feedforward_speech(20, hidden=(5, 3))) == (700 * 5 + 2 * 5) + (5 * 3 + 2 * 3) + 3 * 20


@pytest.mark.parametrize("kind", SMALL)
def test_a_network_over_a_sequence_is_its_loop(kind):
    assert_unroll_is_the_loop(SMALL[kind](), 3 * torch.randn(25, 5, 9))


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_ends_with_membranes_that_never_fire(kind):
    last = NETWORKS[kind](hidden=(5,), beta=0.75)[-1]
    assert isinstance(last, Readout)
    assert last.beta.item() == 0.75


def test_every_synapse_of_a_delayed_network_has_a_delay_up_to_the_largest():
    layers = [layer for layer in delayed_speech(hidden=(7, 5), max_delay=9) if isinstance(layer, DelayedLinear)]
    assert [tuple(layer.delay.shape) for layer in layers] == [(7, 140), (5, 7), (20, 5)]
    assert all(0 <= layer.delay.min() <= layer.delay.max() <= 9 == layer.max_delay for layer in layers)
    assert all(layer.delay.requires_grad for layer in layers)


def test_recurrent_layers_connect_all_their_neurons():
    neurons = [layer for layer in recurrent_speech(hidden=(7, 5)) if isinstance(layer, Recurrent)]
    assert [tuple(neuron.recurrent.weight.shape) for neuron in neurons] == [(7, 7), (5, 5)]


@pytest.mark.parametrize("kind", NETWORKS)
def test_bad_arguments_are_refused(kind):
    make = NETWORKS[kind]
    with pytest.raises(ValueError, match=rf"^{make.__name__}: hidden must have .* at least one layer, got \(\)$"):
        make(hidden=())
    with pytest.raises(ValueError, match=rf"^{make.__name__}: hidden must be a whole number of at least 1, got 0$"):
        make(hidden=(3, 0))
    with pytest.raises(ValueError, match=rf"^{make.__name__}: inputs must be a whole number of at least 1, got 2.5$"):
        make(inputs=2.5)
    with pytest.raises(ValueError, match=rf"^{make.__name__}: neuron must keep its state"):
        make(hidden=(3,), neuron=lambda *features: Leaky(0.5))


def test_a_largest_delay_of_no_step_is_refused():
    with pytest.raises(ValueError, match=r"^DelayedLinear: max_delay"):
        delayed_speech(max_delay=0)
