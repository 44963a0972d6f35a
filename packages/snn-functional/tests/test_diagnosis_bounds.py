"""Learned constants at an end of their range: which, how many, and that of others nothing is said."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import snn_core as snn
from snn_core.neuron.bounds import Bounded
from snn_functional import diagnose
from snn_functional.diagnosis import Limits

from .diagnosed import batch, well


def at_bounds(net, **limits):
    return [f for f in diagnose(net, batch(), limits=Limits(**limits)).findings if f.code == "constant_at_bound"]


def adaptive(shares, low=0.2, high=0.8, **options):
    """Neurons whose rho lies at these shares of its range."""
    neuron = snn.ALIF(0.8, torch.full((9,), 0.5), learn_rho=True, init_hidden=True, **options)
    snn.bounded(neuron, "rho", low=low, high=high)
    with torch.no_grad():
        neuron.parametrizations.rho.original.copy_(torch.logit(torch.tensor(shares, dtype=torch.float64)))
    return neuron


def test_values_at_either_end_are_counted():
    neuron = adaptive([0.0005, 0.0015, 0.5, 0.5, 0.5, 0.5, 0.9985, 0.9995, 0.9999])
    (finding,) = at_bounds(well(neuron))
    assert (finding.module, finding.severity, finding.value) == ("1", "warning", 3)
    assert finding.message.startswith(
        "3 of 9 values of 'rho' are within 0.1 % of an end of their range, 1 at 0.2 and 2 at 0.8: "
    )
    assert "snn.bounded(neuron, 'rho', low=..., high=...)" in finding.remedy


def test_a_decay_at_an_end_of_its_whole_range_is_not_told_to_widen_it():
    neuron = snn.Leaky(torch.full((9,), 0.9), learn_beta="bounded", init_hidden=True)
    assert at_bounds(well(neuron)) == []
    with torch.no_grad():
        neuron.parametrizations.beta.original[:2] = 9.0
    (finding,) = at_bounds(well(neuron))
    assert finding.value == 2
    assert finding.remedy.startswith("Pass a fixed 1 for no leak, or 0 for no memory")


def out_of_range(neuron):
    return [f for f in diagnose(well(neuron), batch()).findings if f.code == "decay_out_of_range"]


def test_a_finding_about_a_learned_decay_names_what_keeps_it_inside():
    neuron = snn.ALIF(0.8, torch.full((9,), 0.9), threshold=0.1, learn_beta=True, learn_rho=True, init_hidden=True)
    neuron.beta.data.fill_(1.0)
    neuron.rho.data[[1, 4]] = torch.tensor([1.25, -0.125])
    (finding,) = out_of_range(neuron)
    assert (finding.module, finding.severity, finding.value) == ("1", "warning", 1.25)
    assert "2 of 9 values of rho are outside of 0..1, the farthest 1.25, " in finding.message
    assert finding.message.endswith("no gradient flows beyond the bound, and it will not come back by itself.")
    assert "learn_rho='bounded'" in finding.remedy
    # which is true of the remedies
    neuron.rho.data.clamp_(0.01, 0.99)
    assert out_of_range(snn.bounded(neuron, "rho")) == []
    assert out_of_range(snn.ALIF(0.8, 0.9, threshold=0.1, learn_rho="bounded", init_hidden=True)) == []


def test_a_fixed_decay_beyond_its_bound_is_compared_with_a_time_constant():
    neuron = snn.Leaky(0.5, threshold=4.0, init_hidden=True)
    neuron.beta.fill_(20.0)
    (finding,) = out_of_range(neuron)
    assert finding.message == "beta is 20, but a decay per step is from 0 to 1: it is clamped where it is used."
    assert finding.remedy == "Pass beta=snn.decay(tau, dt) for a time constant in seconds."


def test_the_first_reported_value_is_a_limit():
    neuron = adaptive([0.0005, 0.0015, 0.5, 0.5, 0.5, 0.5, 0.9985, 0.9995, 0.9999])
    (finding,) = at_bounds(well(neuron), bound=0.01)
    assert finding.value == 5
    assert finding.message.startswith("5 of 9 values of 'rho' are within 1 % of")
    assert at_bounds(well(neuron), bound=0.0) == []
    with pytest.raises(ValueError, match=r"bound must be in .*, got 2"):
        Limits(bound=2)


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_the_derivative_at_the_limit_is_below_a_two_hundredth_of_its_largest(share):
    def derivative(raw):
        raw = raw.requires_grad_()
        return torch.autograd.grad(Bounded(-1.0, 3.0)(raw), raw)[0]

    largest = derivative(torch.tensor(0.0, dtype=torch.float64))
    assert derivative(torch.logit(torch.tensor(share, dtype=torch.float64))) < largest / 200


def test_constants_as_they_are_drawn_are_inside():
    torch.manual_seed(0)
    for kind in (snn.ALIF, snn.AdLIF, snn.SEAdLIF):
        assert at_bounds(well(kind.random(9, init_hidden=True))) == []


def test_fixed_parameters_may_lie_anywhere():
    neuron = adaptive([0.0005] * 9)
    neuron.parametrizations.rho.original.requires_grad_(False)
    assert at_bounds(well(neuron)) == []
    assert at_bounds(well(snn.Leaky(1.0, init_hidden=True, learn_beta=True))) == []  # which has no bounds


def test_any_module_with_a_bounded_parameter_is_looked_at():
    class Gain(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.tensor([1.0, 1.0, 1.0, 1.0]))

        def forward(self, x):
            return self.gain * x

    net = nn.Sequential(Gain(), *well())
    parametrize.register_parametrization(net[0], "gain", Bounded(0.0, 2.0))
    assert at_bounds(net) == []
    with torch.no_grad():
        net[0].parametrizations.gain.original[3] = 10.0
    (finding,) = at_bounds(net)
    assert (finding.module, finding.value) == ("0", 1)
    parametrize.register_parametrization(net[0], "gain", nn.Softplus(), unsafe=True)  # after it
    assert [f.value for f in at_bounds(net)] == [1]


class Late(nn.Module):
    """Stands for a layer that learns delays."""

    def __init__(self, delay, max_delay):
        super().__init__()
        self.delay = nn.Parameter(torch.tensor(delay))
        self.max_delay = max_delay

    def forward(self, x):
        return x + 0 * self.delay


@pytest.mark.parametrize(
    ("delay", "ends"),
    [
        ([0.0, 5.0, 9.0, 9.5], "1 at 0: "),
        ([1.0, 5.0, 9.9999, 12.0], "2 at 10: "),
        ([-1.0, 5.0, 10.0, 0.005], "2 at 0 and 1 at 10: "),
    ],
)
def test_delays_that_reached_the_longest_or_zero_are_named(delay, ends):
    (finding,) = at_bounds(nn.Sequential(Late(delay, 10), *well()))
    assert (finding.module, finding.severity) == ("0", "warning")
    assert ends in finding.message
    assert "larger max_delay" in finding.remedy


def test_delays_that_lie_between_or_are_not_learned_are_not_named():
    assert at_bounds(nn.Sequential(Late([0.1, 5.0, 9.0, 9.5], 10), *well())) == []
    net = nn.Sequential(Late([0.0, 0.0, 0.0, 0.0], 10), *well())
    net[0].requires_grad_(False)
    assert at_bounds(net) == []


def test_delays_of_0_are_not_weights_of_0():
    net = well()
    net[0] = snn.DelayedLinear(4, 9, max_delay=3, delay=0.0)
    findings = diagnose(net, batch()).findings
    assert ("constant_at_bound", "0", 36) in [(f.code, f.module, f.value) for f in findings]
    assert "zero_weights" not in [f.code for f in findings]
    with torch.no_grad():
        net[0].weight[[1, 4]] = 0
    assert [(f.module, f.value) for f in diagnose(net, batch()).findings if f.code == "zero_weights"] == [("0", 2 / 9)]


def test_a_batch_that_fails_to_run_does_not_hide_them():
    xs = batch()
    xs[0, 0, 0] = math.nan
    diagnosis = diagnose(well(adaptive([0.9999] * 9)), xs)
    assert "constant_at_bound" in [f.code for f in diagnosis.findings]
