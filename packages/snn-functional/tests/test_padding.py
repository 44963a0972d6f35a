"""Inputs padded as a convolution pads them give, without padding, what the layer gives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snn_functional._padding import padded


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", ["same", "valid", 0, 2, (1, 3)])
def test_a_padded_input_needs_no_padding(padding, mode):
    stride = 1 if padding == "same" else 2
    options = {"stride": stride, "padding": padding, "dilation": (2, 1), "padding_mode": mode, "dtype": torch.float64}
    layer = nn.Conv2d(3, 5, (2, 4), **options)
    x = torch.rand(2, 3, 7, 8, dtype=torch.float64)
    out = nn.functional.conv2d(padded(layer, x), layer.weight, layer.bias, layer.stride, 0, layer.dilation)
    torch.testing.assert_close(out, layer(x))


def test_every_number_of_axes_is_padded():
    for kind, shape in ((nn.Conv1d, (5,)), (nn.Conv3d, (3, 4, 5))):
        layer = kind(1, 1, 2, padding="same")
        assert padded(layer, torch.rand(1, 1, *shape)).shape[2:] == tuple(n + 1 for n in shape)
