"""What learners refuse: layers, rewards and calls that do not fit, each named."""

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional.stdp_learner import MSTDPETLearner, MSTDPLearner, STDPLearner

from .learners import LEARNERS, make_net, sequence, step

FC, LIF = nn.Linear(5, 3), snn.Leaky(0.9, init_hidden=True)


@pytest.mark.parametrize("kind", [STDPLearner, MSTDPLearner, MSTDPETLearner])
@pytest.mark.parametrize(
    ("place", "value", "error", "message"),
    [
        (0, nn.ReLU(), TypeError, "synapse is a ReLU; pass an nn.Linear or nn.Conv1d or nn.Conv2d"),
        (1, None, TypeError, "sn is a NoneType"),
        (2, 0.0, ValueError, "tau_pre is 0.0"),
        (3, "3", TypeError, "tau_post is '3'"),
        (-2, 1.0, TypeError, "f_pre is 1.0; pass a function of the weights"),
        (-1, None, TypeError, "f_post is None"),
    ],
)
def test_what_cannot_learn_is_refused(kind, place, value, error, message):
    arguments = [FC, LIF, 2.0, 2.0, *((2.0,) if kind is MSTDPETLearner else ()), abs, abs]
    arguments[place] = value
    with pytest.raises(error, match=message):
        kind(*arguments)


def test_the_time_constant_of_eligibility_is_positive():
    with pytest.raises(ValueError, match="tau_trace is 0"):
        MSTDPETLearner(FC, LIF, 2.0, 2.0, 0)


@pytest.mark.parametrize(
    ("reward", "error", "message"),
    [
        ([1.0, 2.0], TypeError, "reward is list"),
        (torch.ones(2, dtype=torch.complex64), TypeError, "reward is torch.complex64"),
        (torch.ones(3), ValueError, r"reward has shape \(3,\); with 6 .* pass a number, \[2\] or \[6, 2\]"),
        (torch.ones(6), ValueError, r"reward has shape \(6,\)"),
        (torch.ones(2, device="meta"), ValueError, "reward is on meta"),
    ],
)
def test_a_reward_that_does_not_fit_is_refused(reward, error, message):
    net = make_net()
    learner = MSTDPLearner(net[0], net[1], 2.0, 2.0)
    snn.unroll(net, sequence())
    with pytest.raises(error, match=message):
        learner.step(reward)
    assert learner.step(1.0) is None  # the spikes are still there


@pytest.mark.parametrize("name", LEARNERS)
def test_calls_that_do_not_belong_together_are_refused(name):
    net, xs = make_net(), sequence()
    learner = LEARNERS[name](net[0], net[1])
    net[0](xs[0])
    net[0](xs[0])
    net[1](net[0](xs[0]))
    with pytest.raises(ValueError, match="called 3 times and the neurons 1 times"):
        step(learner)
    learner.reset()
    snn.unroll(net, xs)
    step(learner)
    snn.unroll(net, sequence(batch=3))
    with pytest.raises(ValueError, match=r"trace_pre has shape \(2, 5\), .* \(3, 5\); .*reset\(\)"):
        step(learner)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_scale_is_a_finite_number(name):
    net = make_net()
    learner = LEARNERS[name](net[0], net[1])
    snn.unroll(net, sequence())
    with pytest.raises(TypeError, match="scale is '2'"):
        step(learner, scale="2")
    with pytest.raises(ValueError, match="scale is nan"):
        step(learner, scale=float("nan"))


def test_a_reward_needs_a_batch_axis():
    lif = snn.Leaky(0.9, init_hidden=True)
    learner = MSTDPLearner(FC, lif, 2.0, 2.0)
    lif(FC(torch.ones(5)))
    with pytest.raises(ValueError, match=r"passed the shape \(5,\); a reward belongs to a sample"):
        learner.step(1.0)
