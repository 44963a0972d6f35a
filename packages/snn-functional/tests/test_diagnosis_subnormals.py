"""Tests of the subnormal share of a run, against numbers that halve in every step."""

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_core import surrogate
from snn_functional import diagnose
from snn_functional.diagnosis import Limits

from .diagnosed import LABELS, STEPS, batch, well

LONG = 200
# of 2**0, 2**-1, ..., 2**-199 in float32: normal to 2**-126, 0 from 2**-150 on
SUBNORMAL = 149 - 126


def of(diagnosis, code):
    return [(finding.module, finding.value) for finding in diagnosis.findings if finding.code == code]


def halving(**options):
    return snn.Leaky(beta=0.5, threshold=1e6, init_hidden=True, output=True, **options)


def learned(neuron):
    """Neurons behind a layer with parameters, for a gradient to go to."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), neuron)


def last_membrane(out, _):
    return out[1][-1].sum()


def test_a_gradient_that_halves_in_every_step_is_subnormal_in_those_of_a_closed_form():
    diagnosis = diagnose(learned(halving()), torch.ones(LONG, 2, 3), loss_fn=last_membrane)
    # the gradient of U[t] is 2**-(T-1-t)
    assert of(diagnosis, "subnormal_numbers") == [("1", SUBNORMAL / LONG)]
    (finding,) = (finding for finding in diagnosis.findings if finding.code == "subnormal_numbers")
    assert finding.message.startswith("12 % of the gradient of its membranes are subnormal")
    assert "torch.set_flush_denormal(True)" in finding.remedy


def test_a_membrane_that_halves_in_every_step_is_too():
    xs = torch.zeros(LONG, 2, 3)
    xs[0] = 1.0
    diagnosis = diagnose(halving(), xs, loss_fn=lambda out, _: out[1].sum())
    assert of(diagnosis, "subnormal_numbers") == [("", SUBNORMAL / LONG)]
    assert "of its membranes are subnormal" in str(diagnosis)


@pytest.mark.parametrize("share", [SUBNORMAL / LONG, 0.2])
def test_a_smaller_share_than_the_limit_is_not_reported(share):
    diagnosis = diagnose(
        learned(halving()), torch.ones(LONG, 2, 3), loss_fn=last_membrane, limits=Limits(subnormal=share)
    )
    assert bool(of(diagnosis, "subnormal_numbers")) == (share == SUBNORMAL / LONG)


def test_a_limit_of_nothing_reports_nothing_where_there_are_none():
    assert of(diagnose(well(), batch(), LABELS, limits=Limits(subnormal=0.0)), "subnormal_numbers") == []


def test_float64_holds_numbers_that_float32_does_not():
    diagnosis = diagnose(
        learned(halving()).double(), torch.ones(LONG, 2, 3, dtype=torch.float64), loss_fn=last_membrane
    )
    assert of(diagnosis, "subnormal_numbers") == []
    longer = diagnose(learned(halving()).double(), torch.ones(1100, 2, 3, dtype=torch.float64), loss_fn=last_membrane)
    assert of(longer, "subnormal_numbers") == [("1", 52 / 1100)]  # normal to 2**-1022, 0 from 2**-1075 on


def test_an_exponential_surrogate_far_from_the_threshold_gives_them_and_a_heavy_tail_does_not():
    def silent(spike_grad):
        neuron = snn.Leaky(beta=0.5, threshold=1.0, init_hidden=True, spike_grad=spike_grad)
        net = learned(neuron)
        with torch.no_grad():
            net[0].weight.zero_()
            net[0].bias.fill_(-1.2)
        # membranes near -2.4, so 3.4 below the threshold: 25 * exp(-25 * 3.4) is 3e-36
        return diagnose(net, torch.ones(STEPS, 2, 3), loss_fn=lambda out, _: 1e-3 * out.sum())

    ((_, share),) = of(silent(surrogate.sigmoid(25)), "subnormal_numbers")
    assert share > 0.4
    assert of(silent(surrogate.fast_sigmoid(25)), "subnormal_numbers") == []


def test_the_gradient_of_a_layers_parameters_is_looked_at_whole_and_others_are_named():
    net = nn.Sequential(nn.Linear(4, 9), nn.Linear(9, 3), snn.Leaky(0.9, init_hidden=True, output=True))
    diagnosis = diagnose(net, batch(), loss_fn=lambda out, _: 1e-40 * out[1].sum())
    (finding,) = (finding for finding in diagnosis.findings if finding.code == "subnormal_numbers")
    assert (finding.module, finding.value) == ("2", 1.0)
    assert "There are others in '0'" in finding.message or "There are others in '1'" in finding.message


@pytest.mark.parametrize(
    ("optimizer", "name", "size"),
    [
        (torch.optim.Adam, "exp_avg_sq", 1e-19),
        (torch.optim.RMSprop, "square_avg", 1e-20),
        (lambda parameters: torch.optim.SGD(parameters, 0.1, momentum=0.9), "momentum_buffer", 1e-40),
    ],
    ids=["Adam", "RMSprop", "SGD"],
)
def test_the_state_of_an_optimizer_is_checked_by_its_name(optimizer, name, size):
    net = well()
    steps = optimizer(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, size)
    steps.step()
    diagnosis = diagnose(net, batch(), LABELS, optimizer=steps)
    assert of(diagnosis, "subnormal_moments") == [("0", 1.0)]
    assert f"the optimizer's '{name}' of '0.weight'" in str(diagnosis)


def test_a_second_moment_stays_subnormal_for_ever():
    """At 500 of the smallest numbers a thousandth is half of one, and the difference rounds to itself."""
    net = well()
    optimizer = torch.optim.Adam(net.parameters())
    smallest = torch.finfo(torch.float32).smallest_normal * 2**-23
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for state in optimizer.state.values():
        state["exp_avg_sq"].fill_(510 * smallest)
    for _ in range(50):
        optimizer.step()
    left = {float(value) / smallest for state in optimizer.state.values() for value in state["exp_avg_sq"].flatten()}
    assert left == {500.0}
    assert of(diagnose(net, batch(), LABELS, optimizer=optimizer), "subnormal_moments") == [("0", 1.0)]


def test_no_subnormals_are_found_where_they_are_flushed():
    try:
        able = torch.set_flush_denormal(True)
        diagnosis = diagnose(learned(halving()), torch.ones(LONG, 2, 3), loss_fn=last_membrane)
    finally:
        torch.set_flush_denormal(False)
    assert bool(of(diagnosis, "subnormal_numbers")) != able
