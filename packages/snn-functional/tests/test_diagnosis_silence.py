"""A silent layer: whether it learns to fire, and the factor by which its input is too small."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
from snn_core import surrogate
from snn_functional import accuracy_rate, ce_count_loss, diagnose

from .diagnosed import batch, codes, well

NEURONS = {
    "Leaky": lambda beta, threshold, **o: snn.Leaky(beta, threshold, **o),
    "Leaky, at once": lambda beta, threshold, **o: snn.Leaky(beta, threshold, reset_delay=False, **o),
    "Leaky, zero": lambda beta, threshold, **o: snn.Leaky(beta, threshold, reset_mechanism="zero", **o),
    "Synaptic": lambda beta, threshold, **o: snn.Synaptic(0.5, beta, threshold, **o),
    "Lapicque": lambda beta, threshold, **o: snn.Lapicque(beta, threshold=threshold, **o),
    "Alpha": lambda beta, threshold, **o: snn.Alpha(beta, 0.9 * beta, threshold, **o),
}


def factor_of(finding):
    return float(re.search(r"by about ([\d.e+]+), or divide its threshold by that: ", finding.remedy)[1])


def firing(net, xs):
    """Return how many neurons spike."""
    with torch.no_grad():
        spk = snn.unroll(net, xs)
    return int((spk != 0).any(1).any(0).sum())


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(NEURONS)),
    beta=st.floats(0.3, 0.97),
    threshold=st.floats(0.1, 30.0),
    neurons=st.integers(1, 9),
    steps=st.integers(2, 9),
    seed=st.integers(0, 2**31),
)
def test_the_factor_brings_half_of_the_neurons_to_the_threshold(name, beta, threshold, neurons, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    xs = torch.rand(steps, 3, 4, dtype=torch.float64, generator=generator)
    linear = nn.Linear(4, neurons).double()
    for parameter in linear.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) + 1)
        parameter.data *= 1e-3 * threshold
    net = nn.Sequential(linear, NEURONS[name](beta, threshold, init_hidden=True).double())
    assert firing(net, xs) == 0
    (finding,) = [f for f in diagnose(net, xs).findings if f.code in ("silent_output", "unreachable_threshold")]
    if "by about" not in finding.remedy:
        with torch.no_grad():
            membrane = snn.unroll(nn.Sequential(linear, snn.Leaky(beta, 1e9, init_hidden=True, output=True)), xs)[-1]
        assert ((membrane.amax((0, 1)) > 0).sum() < (neurons + 1) // 2) or name == "Alpha"
        return
    factor = factor_of(finding)
    for parameter in linear.parameters():
        parameter.data *= factor
    assert firing(net, xs) >= (neurons + 1) // 2
    for parameter in linear.parameters():
        parameter.data /= 1.13  # it is rounded up to two digits
    assert firing(net, xs) < (neurons + 1) // 2
    net[1].threshold /= 1.13
    assert firing(net, xs) >= (neurons + 1) // 2


def samples():
    """Three classes of patterns, and their labels."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    patterns = torch.rand(3, 12, generator=generator)
    return (patterns[labels] + 0.1 * torch.rand(60, 12, generator=generator)).expand(15, -1, -1), labels


@pytest.mark.parametrize(("tail", "severity"), [("atan", "warning"), ("sigmoid", "error")])
def test_a_warning_learns_and_an_error_does_not(tail, severity):
    torch.manual_seed(0)
    options = {"spike_grad": getattr(surrogate, tail)(), "init_hidden": True}
    net = nn.Sequential(nn.Linear(12, 30), snn.Leaky(0.9, 9.0, **options), nn.Linear(30, 3), snn.Leaky(0.9, **options))
    xs, labels = samples()
    diagnosis = diagnose(net, xs, labels)
    (finding,) = [f for f in diagnosis.findings if f.module == "1"]
    assert (finding.code in ("silent_layer", "unreachable_threshold"), finding.severity) == (True, severity)
    assert diagnosis.ok == (severity == "warning")
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(30):
        optimizer.zero_grad()
        ce_count_loss()(snn.unroll(net, xs), labels).backward()
        optimizer.step()
    accuracy, spikes = accuracy_rate(snn.unroll(net, xs), labels), int(snn.unroll(net[:2], xs).sum())
    if severity == "warning":
        assert accuracy == 1
        assert spikes > 0
    else:
        assert accuracy < 0.5
        assert spikes == 0


def test_an_lstm_that_is_bounded_below_its_threshold_says_what_to_do():
    net = nn.Sequential(nn.Linear(3, 4), snn.SLSTM(4, 4, threshold=1.0, init_hidden=True))
    (finding,) = diagnose(net, torch.rand(5, 2, 3)).findings
    assert (finding.code, finding.severity) == ("unreachable_threshold", "error")
    assert finding.remedy == "Take a threshold below 1."


def test_a_module_of_whole_sequences_is_judged_by_the_gradients_of_what_comes_before_it():
    for tail, severity in ((surrogate.atan(), "warning"), (surrogate.sigmoid(slope=900), "error")):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 6), snn.LinearLeaky(0.8, 6, 6, threshold=9.0, spike_grad=tail))
        diagnosis = diagnose(net, torch.rand(7, 3, 4), loss_fn=lambda out, _: out[0].sum())
        assert [(f.code, f.severity) for f in diagnosis.findings] == [("unreachable_threshold", severity)], codes(
            diagnosis
        )


def test_a_threshold_that_is_infinite_is_named():
    options = {"threshold": math.inf, "reset_mechanism": "none", "output": True}
    net = well(output=snn.Leaky(0.8, init_hidden=True, **options))
    (finding,) = [finding for finding in diagnose(net, batch()).findings if finding.module == "3"]
    assert (finding.code, finding.severity) == ("unreachable_threshold", "error")
    assert finding.message.endswith("the threshold is inf. It cannot learn to fire: its threshold is infinite.")
    assert finding.remedy.startswith("If it is a read-out, use a loss of its membranes alone;")
    of_membranes = diagnose(net, batch(), loss_fn=lambda out, _: out[1].square().mean())
    assert [finding for finding in of_membranes.findings if finding.module == "3"] == []
