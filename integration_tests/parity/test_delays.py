"""Delays of synapses beside the layers of the package dcls, whose Gaussian is 0.27 wider than its parameter says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from DCLS.construct.modules import Dcls1d
from torch.nn import functional as F

import snn

MOST = 6


def in_step(layer: Any, peer_layer: Any) -> None:
    """Give the other layer the same weights, delays and width; it counts steps from the oldest, around the middle."""
    weight, delay = layer.weight.detach(), layer.delay.detach()
    with torch.no_grad():
        peer_layer.weight.copy_(weight.unsqueeze(-1))
        peer_layer.P[0].copy_((MOST - delay).unsqueeze(-1) - (MOST + 1) // 2)
        peer_layer.SIG.fill_(float(layer.sigma) - 0.27)


@pytest.mark.parametrize("sigma", [3.0, 1.0, 0.5])
def test_a_linear_layer_with_delays_is_a_convolution_over_time(sigma: float) -> None:
    torch.manual_seed(0)
    layer = snn.DelayedLinear(5, 3, max_delay=MOST, sigma=sigma, bias=False, dtype=torch.float64)
    peer_layer = Dcls1d(5, 3, kernel_count=1, dilated_kernel_size=MOST + 1, bias=False, version="gauss").double()
    in_step(layer, peer_layer)
    xs = torch.randn(11, 4, 5, dtype=torch.float64)
    ours = snn.unroll(layer, xs)
    expected = peer_layer(F.pad(xs.permute(1, 2, 0), (MOST, 0))).permute(2, 0, 1)
    # they add 1e-7 to the sum of a Gaussian's weights
    torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)
    upstream = torch.randn_like(ours)
    result = torch.autograd.grad(ours, [layer.weight, layer.delay], upstream)
    other = torch.autograd.grad(expected, [peer_layer.weight, peer_layer.P], upstream)
    torch.testing.assert_close(result[0], other[0].squeeze(-1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(result[1], -other[1][0].squeeze(-1), rtol=1e-5, atol=1e-5)
