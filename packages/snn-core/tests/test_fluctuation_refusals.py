"""Errors of ``init.fluctuation_``: each names its cause, and no weight changes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.init import fluctuation_

from .test_fluctuation import deep, lif, poisson


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.one, self.two = nn.Linear(6, 6), lif(), lif()

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.fc(self.one(self.fc(x))))


def inhibited() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(6, 9), lif(), nn.Linear(9, 4), lif())
    with torch.no_grad():
        net[2].weight.abs_().neg_()
        net[2].bias.fill_(-1)
    return net


def zeros() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(6, 9), lif(), nn.Linear(9, 4), lif())
    nn.init.zeros_(net[2].weight)
    nn.init.zeros_(net[2].bias)
    return net


def one_number() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(6, 1), lif())
    nn.init.constant_(net[0].weight, 1.0)
    return net


def broken() -> nn.Sequential:
    net = zeros()
    nn.init.constant_(net[2].weight, math.nan)
    return net


def eager() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 9), lif(), nn.Linear(9, 4), lif(threshold=-1.0, reset_mechanism="none"))


NETS = {
    "none": (lambda: nn.Linear(6, 4), "this Linear has no spiking neuron; add one"),
    "read-out": (lambda: nn.Sequential(nn.Linear(6, 4), lif(threshold=math.inf)), "that has a finite threshold"),
    "whole sequences": (
        lambda: nn.Sequential(nn.Linear(6, 4), snn.BatchNormOverTime1d(4), lif()),
        "'1' (BatchNormOverTime1d) takes whole sequences, and the rates of neurons are measured step by step; call",
    ),
    "no weights": (lambda: nn.Sequential(lif(), nn.Linear(6, 4), lif()), "no weights come before '0' (Leaky)"),
    "no weights after": (
        lambda: nn.Sequential(nn.Linear(6, 4), lif(), nn.ReLU(), lif()),
        "no weights come before '3' (Leaky)",
    ),
    "alone": (lif, "no weights come before 'the net' (Leaky)"),
    "tied": (Tied, "the weights 'fc.weight' come before 'one' (Leaky) and 'two' (Leaky)"),
    "zeros": (zeros, "the input of '3' (Leaky) is 0 in every step"),
    "broken": (broken, "the input of '3' (Leaky) is NaN or infinite"),
    "inhibited": (
        inhibited,
        "no factor gives '3' (Leaky) a rate of 0.1: its rate is 0 even with its input scaled by 1e+06",
    ),
    "eager": (eager, "choose a threshold above 0"),
    "one number": (one_number, "its rate jumps from 0"),
    "parametrized": (
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 4)), lif()),
        "the weights of '0' (ParametrizedLinear) are computed by a parametrization",
    ),
    "whole": (
        lambda: nn.Sequential(nn.Linear(6, 4), snn.LeakyParallel(4, 4)),
        "'1' (LeakyParallel) takes whole sequences",
    ),
    "forgetful": (lambda: nn.Sequential(nn.Linear(6, 4), snn.Leaky(0.9)), "has init_hidden=False and gets no"),
}


@pytest.mark.parametrize("case", NETS)
def test_a_net_that_cannot_be_scaled_is_named_and_left_unchanged(case: str) -> None:
    make, message = NETS[case]
    torch.manual_seed(7)
    net = make()
    start = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ValueError) as error:
        fluctuation_(net, torch.ones(7, 3, 6), 0.1, tolerance=0.05)
    assert message in str(error.value)
    assert all(torch.equal(value.nan_to_num(7), start[name].nan_to_num(7)) for name, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"net": 3}, TypeError, "takes a net (nn.Module), got int"),
        ({"xs": [1.0]}, TypeError, "takes a batch of data xs[T, batch, ...], got list"),
        ({"xs": torch.rand(5)}, ValueError, "got shape (5,)"),
        ({"xs": torch.rand(5, 0, 37)}, ValueError, "got shape (5, 0, 37)"),
        ({"rate": 0.0}, ValueError, "rate must be spikes per step between 0 and 1, both excluded, got 0.0"),
        ({"rate": 1}, ValueError, "got 1"),
        ({"rate": math.nan}, ValueError, "got nan"),
        ({"rate": "0.1"}, TypeError, "rate must be a number, got '0.1'"),
        ({"rate": True}, TypeError, "rate must be a number, got True"),
        ({"tolerance": 0}, ValueError, "tolerance must be a share of the rate"),
        ({"most": 1.0}, ValueError, "most must be a factor above 1, got 1.0"),
        ({"most": math.inf}, ValueError, "got inf"),
    ],
)
def test_bad_arguments_are_named(change: dict, kind: type[Exception], message: str) -> None:
    arguments = {"net": deep(), "xs": poisson(4, 3, 37), **change}
    with pytest.raises(kind) as error:
        fluctuation_(**arguments)
    assert message in str(error.value)


def test_a_factor_beyond_the_largest_is_refused() -> None:
    with pytest.raises(ValueError, match="even with its input scaled by 10: "):
        fluctuation_(deep(), poisson(20, 5, 37), most=10)
