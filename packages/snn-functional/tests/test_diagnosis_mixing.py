"""Samples of a batch that affect each other: which module mixes them, and what must not be taken for it."""

from functools import partial

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import diagnose

from .diagnosed import LABELS, SAMPLES, STEPS, batch, well


def mixing(net, xs=None, targets=None, **options):
    diagnosis = diagnose(net, batch() if xs is None else xs, targets, **options)
    return [finding.module for finding in diagnosis.findings if finding.code == "mixed_samples"]


def around(layer, features=9):
    first, neuron, last, output = well()
    return nn.Sequential(first, layer, neuron, nn.Linear(features, 3), output)


class Attending(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.attention = nn.MultiheadAttention(3, 1, batch_first=batch_first)

    def forward(self, x):
        x = x.unflatten(1, (3, 3))
        return self.attention(x, x, x)[0].flatten(1)


class Centered(nn.Module):
    """Code of a module's own, between the calls of its parts."""

    def __init__(self, axis):
        super().__init__()
        self.axis, (self.first, self.neuron, self.last, self.output) = axis, well()

    def forward(self, x):
        current = self.first(x)
        return self.output(self.last(self.neuron(current - current.mean(self.axis, keepdim=True))))


@pytest.mark.parametrize("quiet", [1.0, 0.0], ids=["with spikes after it", "with silence after it"])
@pytest.mark.parametrize(
    ("layer", "where"),
    [
        (nn.Softmax(0), ["1"]),
        (nn.LogSoftmax(0), ["1"]),
        (nn.BatchNorm1d(9, track_running_stats=False), ["1"]),
        (nn.Softmax(-1), []),
        (nn.LayerNorm(9), []),
        (nn.BatchNorm1d(9), []),
        (nn.Dropout(0.5), []),
        (nn.Identity(), []),
    ],
    ids=lambda value: str(value),
)
def test_a_layer_that_mixes_samples_is_named(layer, where, quiet):
    torch.manual_seed(0)
    net = around(layer)
    with torch.no_grad():
        net[2].threshold.fill_(0.01 if quiet else 1e3)
    assert mixing(net) == where


@pytest.mark.parametrize(("batch_first", "where"), [(False, ["1.attention"]), (True, [])])
def test_attention_over_the_samples_is_named(batch_first, where):
    torch.manual_seed(0)
    assert mixing(around(Attending(batch_first))) == where


@pytest.mark.parametrize(("axis", "where"), [(0, [""]), (1, [])])
def test_the_module_whose_own_code_mixes_samples_is_named(axis, where):
    assert mixing(Centered(axis)) == where
    assert mixing(nn.Sequential(Centered(axis), nn.Identity())) == [path or "0" for path in where]


def test_samples_that_lose_their_axis_are_named_before_the_loss_fails():
    net = nn.Sequential(*well()[:2], nn.Flatten(0), nn.Linear(9 * SAMPLES, 3))
    assert mixing(net) == ["2"]
    with pytest.raises(ValueError, match="pass loss_fn=") as error:
        diagnose(net, batch(), LABELS)
    assert any("mixed_samples in '2'" in note for note in error.value.__notes__)


def test_a_net_with_its_own_loop_is_examined_too():
    def run(net, xs):
        snn.utils.reset(net)
        return torch.stack([net(x) for x in xs])

    assert mixing(around(nn.Softmax(0)), run=run) == ["1"]
    assert mixing(around(nn.Softmax(1)), run=run) == []
    assert mixing(around(nn.Softmax(1)), run=partial(snn.unroll, lengths=[STEPS, 3, 5, 1, 2])) == []


def test_as_many_neurons_as_samples_are_not_taken_for_samples():
    class Turned(nn.Module):
        """A product along the features, written with the samples on the last axis."""

        def __init__(self):
            super().__init__()
            self.weight, self.neuron = nn.Parameter(torch.rand(SAMPLES, 4)), well()[1]

        def forward(self, x):
            return self.neuron((self.weight @ x.T).T)

    class Behind(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.neuron = nn.ReLU(), snn.Leaky(0.5, threshold=1e3, init_hidden=True)

        def forward(self, x):
            return self.neuron(self.relu(x[:, :1].expand(-1, SAMPLES).T).T)  # [features, samples], both 5

    torch.manual_seed(0)
    assert mixing(Turned()) == []
    assert mixing(Behind()) == []


def test_random_numbers_whose_count_depends_on_the_input_are_not_judged():
    class Poisson(nn.Module):
        def forward(self, x):
            return torch.poisson(5 * x)

    assert mixing(nn.Sequential(Poisson(), *well())) == []


def test_one_sample_has_none_to_mix_with():
    assert mixing(around(nn.Softmax(0)), batch()[:, :1]) == []
