"""Round a trained net to numbers that ``snn.functional.quant.integer`` takes."""

from __future__ import annotations

import copy

import torch
from torch import nn

import snn
from snn.functional import quant

WEIGHTS = quant.weight_quant(num_bits=8, power_of_two=True)
DECAYS = quant.fixed_point(num_bits=8, fraction_bits=6)


@torch.no_grad()
def rounded(net: nn.Sequential, grid: quant.fixed_point) -> nn.Sequential:
    """Return a net with weights of 8 bits, decays in 64ths, and biases, thresholds and membranes on a grid.

    Average pooling, which has no integer form, becomes the convolution that it is.
    """
    layers: list[nn.Module] = []
    for layer in copy.deepcopy(net):
        if isinstance(layer, snn.Leaky):
            beta, threshold = DECAYS(layer.beta), grid(layer.threshold)
            layer = snn.Leaky(beta, threshold=threshold, init_hidden=True, state_quant=grid)
        elif isinstance(layer, nn.AvgPool2d):
            layer = averaging(layers[-1].out_channels, layer.kernel_size)
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            layer.weight.copy_(WEIGHTS(layer.weight))
            layer.bias.copy_(grid(layer.bias))
        layers.append(layer)
    return nn.Sequential(*layers)


def averaging(channels: int, size: int) -> nn.Conv2d:
    """Return the convolution that averages squares of this size, which is a power of two."""
    layer = nn.Conv2d(channels, channels, size, stride=size, groups=channels, bias=False)
    nn.init.constant_(layer.weight, size**-2)
    return layer
