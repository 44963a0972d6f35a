"""The factor that makes a layer fire at 10 %, which ``diagnose`` names: nets that are scaled by it do."""

import re

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import diagnose

KINDS = {
    "Leaky": lambda: snn.Leaky(0.8, init_hidden=True),
    "Leaky, zero": lambda: snn.Leaky(0.8, reset_mechanism="zero", init_hidden=True),
    "Synaptic": lambda: snn.Synaptic(0.5, 0.8, init_hidden=True),
    "ALIF": lambda: snn.ALIF(0.8, 0.9, threshold=1.0, init_hidden=True),
    "AdLIF": lambda: snn.AdLIF(0.8, 0.9, init_hidden=True),
}


def factor_of(finding):
    match = re.search(r" With its input times ([\d.e+-]+) the layer fires in 10 % of the steps; ", finding.remedy)
    assert match, finding.remedy
    assert "snn.init.fluctuation_(net, xs)" in finding.remedy
    return float(match[1])


def layer(kind, scale, bias=0.0):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(13, 31), KINDS[kind]())
    with torch.no_grad():
        net[0].weight *= scale
        net[0].bias.fill_(bias)
    return net, (torch.rand(40, 7, 13) < 0.3).float()


def rate(net, xs):
    return float((snn.unroll(net, xs) != 0).double().mean())


SILENT = ("silent_output", "unreachable_threshold")
CASES = [
    *((kind, SILENT, 0.01, 0.0) for kind in KINDS),
    *((kind, SILENT, 0.01, 0.002) for kind in KINDS),
    *((kind, ("dead_neurons",), None, 0.0) for kind in KINDS),
    # what adapts does not fire in every step
    *((kind, ("saturated_neurons",), 9.0, 90.0) for kind in KINDS if kind not in ("ALIF", "AdLIF")),
]


@pytest.mark.parametrize(("kind", "codes", "scale", "bias"), CASES)
def test_a_layer_scaled_by_the_factor_fires_in_a_tenth_of_the_steps(kind, codes, scale, bias):
    net, xs = layer(kind, 1.0 if scale is None else scale, bias)
    if scale is None:  # a few spikes
        with torch.no_grad():
            top = [snn.unroll(nn.Sequential(net[0], KINDS[kind]()), f * xs).any() for f in (0.1, 0.3, 1, 3, 10)]
            net[0].weight *= (0.1, 0.3, 1, 3, 10)[[bool(t) for t in top].index(True)]
    (finding,) = [f for f in diagnose(net, xs).findings if f.code in codes]
    factor = factor_of(finding)
    assert (factor > 1) == (codes != ("saturated_neurons",))
    with torch.no_grad():
        for parameter in net[0].parameters():
            parameter *= factor
        assert rate(net, xs) == pytest.approx(0.1, rel=0.08)


def test_the_named_factors_are_those_of_fluctuation():
    net, xs = layer("Leaky", 0.01)
    (finding,) = [f for f in diagnose(net, xs).findings if f.module == "1"]
    (row,) = snn.init.fluctuation_(net, xs, tolerance=0.05)
    assert row.factor == pytest.approx(factor_of(finding), rel=5e-3)


def test_no_factor_is_named_where_there_is_none():
    net, xs = layer("Leaky", 1.0)
    with torch.no_grad():
        net[0].weight.abs_().neg_()
    (finding,) = [f for f in diagnose(net, xs).findings if f.module == "1"]
    assert "With its input" not in finding.remedy
    recurrent = nn.Sequential(nn.Linear(3, 4), snn.SLSTM(4, 4, threshold=0.9, init_hidden=True))
    (finding,) = [f for f in diagnose(recurrent, torch.rand(5, 2, 3)).findings if f.module == "1"]
    assert "With its input" not in finding.remedy
