"""What the rules of plasticity refuse: values, shapes and layers that do not fit, each named."""

import pytest
import torch
from torch import nn

from snn_functional import stdp_learner
from snn_functional.stdp_learner import (
    eligibility_trace,
    mstdp_linear_single_step,
    mstdpet_linear_single_step,
    stdp_linear_single_step,
)


def step_of(rule, layer):
    return getattr(stdp_learner, f"{rule}_conv{layer.weight.dim() - 2}d_single_step")


FC, S_IN, S_OUT = nn.Linear(3, 2), torch.ones(4, 3), torch.ones(4, 2)
DENSE = (FC, S_IN, S_OUT, None, None, 2.0, 2.0)


@pytest.mark.parametrize("name", ["stdp", "mstdp", "mstdpet"])
@pytest.mark.parametrize(
    ("place", "value", "error", "message"),
    [
        (0, nn.Conv1d(3, 2, 1), TypeError, "fc is a Conv1d; pass an nn.Linear"),
        (1, [1.0], TypeError, "in_spike is a list"),
        (1, S_IN.to(torch.complex64), TypeError, "in_spike has dtype torch.complex64"),
        (1, torch.ones(4, 2), ValueError, r"in_spike has shape \(4, 2\); .* needs \[batch, 3\]"),
        (1, torch.ones(()), ValueError, r"in_spike has shape \(\)"),
        (1, torch.ones(4, 3, device="meta"), ValueError, "in_spike is on meta, the weights on cpu"),
        (2, None, TypeError, "out_spike is a NoneType"),
        (2, torch.ones(3, 2), ValueError, r"out_spike has shape \(3, 2\); the layer gives \(4, 2\)"),
        (3, "none", TypeError, "trace_pre is a str"),
        (3, torch.ones(3, 3), ValueError, r"trace_pre has shape \(3, 3\), .* \(4, 3\); start .* with None"),
        (4, torch.ones(4, 3), ValueError, r"trace_post has shape \(4, 3\)"),
        (4, torch.ones(4, 2, device="meta"), ValueError, "trace_post is on meta"),
        (5, 0, ValueError, "tau_pre is 0"),
        (5, float("nan"), ValueError, "tau_pre is nan"),
        (6, -1.0, ValueError, "tau_post is -1.0"),
        (6, "2", TypeError, "tau_post is '2'"),
        (6, True, TypeError, "tau_post is True"),
    ],
)
def test_what_does_not_fit_is_refused(name, place, value, error, message):
    step = getattr(stdp_learner, f"{name}_linear_single_step")
    arguments = [*DENSE, *((3.0,) if name == "mstdpet" else ())]
    arguments[place] = value
    with pytest.raises(error, match=message):
        step(*arguments)


@pytest.mark.parametrize("side", ["f_pre", "f_post"])
@pytest.mark.parametrize(
    ("scale", "error", "message"),
    [
        (0.5, TypeError, "is 0.5; pass a function of the weights"),
        (lambda w: None, TypeError, "returned a NoneType"),
        (lambda w: w[:, :2], ValueError, r"returned the shape \(2, 2\) for weights of shape \(2, 3\)"),
    ],
)
def test_scales_are_functions_of_the_weights(side, scale, error, message):
    with pytest.raises(error, match=f"{side} {message}"):
        stdp_linear_single_step(*DENSE, **{side: scale})


def test_a_decay_of_less_than_nothing_is_refused():
    with pytest.raises(ValueError, match=r"tau_pre is 0\.5; .* at least 1"):
        stdp_linear_single_step(*DENSE[:5], 0.5, 2.0)
    assert mstdp_linear_single_step(*DENSE[:5], 0.5, 2.0)[2].shape == (4, 2, 3)
    with pytest.raises(ValueError, match="tau_trace is 0"):
        mstdpet_linear_single_step(*DENSE, 0)


@pytest.mark.parametrize("rule", ["stdp", "mstdp"])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((FC, torch.ones(1, 2, 5), torch.ones(1, 3, 3)), TypeError, "conv is a Linear; pass an nn.Conv1d"),
        ((None, torch.ones(2, 5), torch.ones(1, 3, 3)), ValueError, r"needs \[batch, 2, length\]"),
        ((None, torch.ones(1, 3, 5), torch.ones(1, 3, 3)), ValueError, r"in_spike has shape \(1, 3, 5\)"),
        ((None, torch.ones(1, 2, 5), torch.ones(1, 3, 5)), ValueError, r"the layer gives \(1, 3, 3\)"),
    ],
)
def test_what_does_not_fit_a_convolution_is_refused(rule, arguments, error, message):
    conv = nn.Conv1d(2, 3, 3)
    layer, *rest = arguments
    with pytest.raises(error, match=message):
        step_of(rule, conv)(layer or conv, *rest, None, None, 2.0, 2.0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None, [1.0], 2), TypeError, "eligibility is a list"),
        ((0.0, torch.ones(1), 2), TypeError, "trace is a float"),
        ((torch.ones(2), torch.ones(3), 2), ValueError, r"trace has shape \(2,\), eligibility \(3,\)"),
        ((None, torch.ones(3), 0), ValueError, "tau_trace is 0"),
    ],
)
def test_an_eligibility_trace_refuses_what_does_not_fit(arguments, error, message):
    with pytest.raises(error, match=message):
        eligibility_trace(*arguments)
