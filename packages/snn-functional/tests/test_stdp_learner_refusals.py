"""Tests of a learner's refusals once it has recorded spikes: rewards and calls that do not belong together."""

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional.stdp_learner import MSTDPLearner

from .learners import LEARNERS, make_net, sequence, step


def test_a_reward_that_is_refused_leaves_the_spikes_there():
    net = make_net()
    learner = MSTDPLearner(net[0], net[1], 2.0, 2.0)
    snn.unroll(net, sequence())
    with pytest.raises(ValueError, match="reward must be a number, or have shape"):
        learner.step(torch.ones(3))
    assert learner.step(1.0) is None


@pytest.mark.parametrize("name", LEARNERS)
def test_calls_that_do_not_belong_together_are_refused(name):
    net, xs = make_net(), sequence()
    learner = LEARNERS[name](net[0], net[1])
    net[0](xs[0])
    net[0](xs[0])
    net[1](net[0](xs[0]))
    with pytest.raises(ValueError, match="got 3 calls of the synapse and 1 of the neurons"):
        step(learner)
    learner.reset()
    snn.unroll(net, xs)
    step(learner)
    snn.unroll(net, sequence(batch=3))
    with pytest.raises(ValueError, match=r"trace_pre must have .*, \(3, 5\), got \(2, 5\)\. Fix: .*reset\(\)"):
        step(learner)


@pytest.mark.parametrize("name", LEARNERS)
def test_samples_that_end_one_after_the_other_are_refused(name):
    net, xs = make_net(), sequence()
    learner = LEARNERS[name](net[0], net[1])
    snn.unroll(net, xs, lengths=[1, len(xs)])
    with pytest.raises(ValueError, match=r"shape \(2, 5\) and in a later step \(1, 5\).*samples of one length"):
        step(learner)


def test_a_reward_needs_a_batch_axis():
    fc, lif = nn.Linear(5, 3), snn.Leaky(0.9, init_hidden=True)
    learner = MSTDPLearner(fc, lif, 2.0, 2.0)
    lif(fc(torch.ones(5)))
    with pytest.raises(ValueError, match=r"in_spike must have one batch axis .*, got shape \(5,\)"):
        learner.step(1.0)
