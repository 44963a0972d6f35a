"""Functions that a forward calls, in C."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import snn_core as snn
from in_c.compiling import Compiled, as_row
from snn_export.c import export_c


class Calls(nn.Module):
    """Weights of channels and of columns, a neuron, and a function of them."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.channel = nn.Parameter(torch.rand(3, 1, 1) + 0.5)
        self.column = nn.Parameter(torch.rand(4))
        self.neuron = snn.Leaky(0.9, init_hidden=True)

    def forward(self, x):
        return self.function(self, x)


def in_place(net, x):
    spk = net.neuron(x) * 2
    spk += x
    return spk


def several(net, x):
    spk = net.neuron(x)
    return {"first": spk, "again": spk, "input": x, "rows": spk.flatten(1)}


FUNCTIONS = {
    "clamps": lambda net, x: x.clamp(0.2, 0.7) + x.clamp_min(0.5),
    "arithmetic": lambda net, x: (1 - x) / 2 + 2 / (x + 1) - x**2 + x**3 + x**-1.5 * (-x),
    "channels": lambda net, x: x * net.channel + net.column,
    "leading axes": lambda net, x: x * net.channel[None] + net.column[None, None, None],
    "extremes": lambda net, x: torch.minimum(x, torch.maximum(x * x, 1 - x)),
    "activations": lambda net, x: F.relu6(x * 10) + F.hardtanh(x * 3) + F.relu(-x),
    "curves": lambda net, x: torch.sigmoid(x) * torch.tanh(x).abs().sqrt(),
    "conditions": lambda net, x: torch.where(x > 0.5, x, 2 * x) + (x < 0.25).float() + (x <= 0.75).to(x.dtype) * x,
    "in place": in_place,
    "several": several,
    "centered": lambda net, x: x - x.mean((2, 3), keepdim=True),
    "last axis": lambda net, x: x * torch.sigmoid(x.sum(-1, keepdim=True)),
    "largest": lambda net, x: x.amax((1, 2, 3)),
    "shapes": lambda net, x: x.view(x.shape[0], -1).reshape(x.size(0), 3, 20).unsqueeze(1).squeeze(1),
    "rows": lambda net, x: torch.cat([x, 2 * x], 2),
    "columns": lambda net, x: torch.cat([x, net.neuron(x), x + 1], -1),
    "made": lambda net, x: x + torch.ones(3, 5, 4),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gives_what_it_gives_in_pytorch(name, tmp_path):
    net = Calls(FUNCTIONS[name]).eval()
    xs = torch.rand(20, 2, 3, 5, 4)
    compiled, run = Compiled(export_c(net, xs[0]), tmp_path / "c"), snn.stream(net)
    for x in xs[:, :1]:
        torch.testing.assert_close(compiled(x), as_row(run(x)), rtol=2e-6, atol=1e-6)


def test_a_condition_is_not_a_number():
    with pytest.raises(ValueError, match=r"computes with a condition; turn it into numbers with \.float"):
        export_c(Calls(lambda net, x: (x > 0) + (x > 0.5)), torch.rand(1, 3, 5, 4))
