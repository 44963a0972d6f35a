"""VGG networks: parameters, all steps at once, bad arguments."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snn_core import Alpha
from snn_models import vgg

from .comparison import assert_unroll_is_the_loop


@pytest.mark.parametrize(
    # the ordinary networks for CIFAR-10, which also have biases before batch norm
    ("depth", "expected", "biases"),
    [(11, 9_231_114, 2752), (13, 9_416_010, 2944), (16, 14_728_266, 4224)],
)
def test_a_network_has_as_many_parameters_as_the_ordinary_one_less_biases_before_norms(depth, expected, biases):
    net = vgg(depth)
    assert sum(parameter.numel() for parameter in net.parameters()) == expected - biases
    assert sum(layer.out_channels for layer in net if isinstance(layer, nn.Conv2d)) == biases
    # the number in the name counts three dense layers, of which one is left
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in net) == depth - 2


@pytest.mark.parametrize("depth", [11, 16])
def test_a_network_over_a_sequence_is_its_loop(depth):
    net = vgg(depth, 3, width=2, in_channels=2, dropout=0.2, neuron=lambda: Alpha(0.8, 0.6, init_hidden=True))
    assert_unroll_is_the_loop(net, 3 * torch.randn(3, 3, 2, 32, 35))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"^vgg: depth must be one of 11, 13, 16, got 19$"):
        vgg(19)
    with pytest.raises(ValueError, match=r"^vgg: in_channels must be a whole number of at least 1, got 0$"):
        vgg(11, in_channels=0)
    with pytest.raises(TypeError, match=r"^vgg: neuron must return a spiking neuron, got ReLU"):
        vgg(11, neuron=nn.ReLU)
