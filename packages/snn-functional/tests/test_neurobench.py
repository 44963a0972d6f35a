"""The model for NeuroBench's harness, on a double of its base class; the harness itself is in integration_tests."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import _neurobench, neurobench


class Hook:
    def __init__(self, layer):
        self.layer, self.spiking = layer, False


class NeuroBenchModel:
    """The base class, as far as a model relies on it."""

    def __init__(self):
        self.activation_modules, self.activation_hooks = [nn.ReLU], []

    def add_activation_module(self, kind):
        self.activation_modules.append(kind)

    def register_hooks(self):
        kinds = tuple(self.activation_modules)
        self.activation_hooks = [Hook(layer) for layer in self.__net__().children() if isinstance(layer, kinds)]


@pytest.fixture(autouse=True)
def harness(monkeypatch):
    models = ModuleType("neurobench.models")
    models.NeuroBenchModel = NeuroBenchModel
    monkeypatch.setitem(sys.modules, "neurobench", ModuleType("neurobench"))
    monkeypatch.setitem(sys.modules, "neurobench.models", models)
    _neurobench._model_class.cache_clear()
    yield
    _neurobench._model_class.cache_clear()


def build_net(**options):
    torch.manual_seed(0)
    layers = (nn.Linear(3, 7), nn.Dropout(0.5), nn.ReLU(), nn.Linear(7, 5))
    return nn.Sequential(*layers, snn.Leaky(beta=0.8, init_hidden=True, **options))


@pytest.mark.parametrize("output", [False, True])
def test_a_batch_gives_the_spikes_of_unroll_with_the_batch_first(output):
    net, batch = build_net(output=output), 3 * torch.rand(5, 9, 3)
    model = neurobench(net)
    spikes = model(batch)
    assert not net.training
    expected = snn.unroll(net, batch.transpose(0, 1))
    assert torch.equal(spikes.transpose(0, 1), expected[0] if output else expected)
    assert 0 < spikes.mean() < 1
    assert not spikes.requires_grad
    assert torch.equal(model(batch), spikes)  # from rest


def test_neurons_at_any_depth_start_from_rest():
    net, batch = nn.Sequential(nn.Sequential(build_net(output=False))), torch.rand(2, 3, 3)
    model = neurobench(net)
    assert torch.equal(model(batch), model(batch))


def test_a_custom_reset_is_called_once_a_batch():
    class Counted(nn.Module):
        resets = 0

        def __init__(self):
            super().__init__()
            self.lif = snn.Leaky(beta=0.5, init_hidden=True)

        def reset(self):
            self.resets += 1
            snn.utils.reset(self)

        def forward(self, x):
            return self.lif(x)

    net = Counted()
    model = neurobench(net)
    model(torch.ones(2, 3, 4))
    model(torch.ones(2, 3, 4))
    assert net.resets == 2


def test_a_forward_over_all_steps_takes_the_batch_as_it_is():
    class Looped(nn.Module):
        def __init__(self):
            super().__init__()
            self.lif = snn.Leaky(beta=0.5)

        def forward(self, xs):
            return self.lif.unroll(xs.transpose(0, 1))[0]

    net, batch = Looped(), 2 * torch.rand(5, 7, 3)
    spikes = neurobench(net, custom_forward=True)(batch)
    assert spikes.shape == (5, 7, 3)
    assert torch.equal(spikes.transpose(0, 1), net(batch))


def test_hooks_of_neurons_record_membranes_and_those_of_others_do_not():
    model = neurobench(build_net())
    model.register_hooks()
    assert [(type(hook.layer).__name__, hook.spiking) for hook in model.activation_hooks] == [
        ("ReLU", False),
        ("Leaky", True),
    ]


@pytest.mark.parametrize("shape", [(5,), (5, 0, 3), ()])
def test_a_batch_without_steps_is_named(shape):
    with pytest.raises(ValueError, match=r"batch must have shape \[batch, num_steps, \.\.\.\] with at least one step"):
        neurobench(build_net())(torch.zeros(shape))


def test_without_neurobench_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "neurobench.models", None)
    with pytest.raises(
        ImportError, match=r"NeuroBench is not installed\. Fix: pip install 'snn-functional\[neurobench\]'"
    ):
        neurobench(build_net())


@pytest.mark.parametrize("net", [None, [1], torch.zeros(2), "net", nn.Sequential])
def test_a_value_that_is_not_a_net_is_a_type_error(net):
    with pytest.raises(TypeError, match=r"neurobench: net must be an nn\.Module, got "):
        neurobench(net)


@pytest.mark.parametrize("net", [nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU()), snn.Leaky(beta=0.5)])
def test_a_net_without_neurons_inside_is_refused(net):
    with pytest.raises(ValueError, match=r"has no neurons of snn-core in it\. Fix: put a neuron .* nn\.Sequential"):
        neurobench(net)
