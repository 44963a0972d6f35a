"""A net, its input, and all learners, made alike, for the tests of learners."""

from __future__ import annotations

import torch
from torch import nn

import snn_core as snn
from snn_functional.stdp_learner import MSTDPETLearner, MSTDPLearner, STDPLearner

LEARNERS = {
    "STDPLearner": lambda *args, **options: STDPLearner(*args, 3.0, 1.5, **options),
    "MSTDPLearner": lambda *args, **options: MSTDPLearner(*args, 3.0, 1.5, **options),
    "MSTDPETLearner": lambda *args, **options: MSTDPETLearner(*args, 3.0, 1.5, 4.0, **options),
}
SCALES = {"f_pre": lambda w: 0.3 * (w + 1), "f_post": lambda w: 1 - w**2}


def make_net(neuron=None):
    torch.manual_seed(0)
    neuron = neuron or snn.Leaky(0.8, threshold=0.3, init_hidden=True)
    return nn.Sequential(nn.Linear(5, 3), neuron, nn.Linear(3, 2), snn.Leaky(0.8, init_hidden=True)).double()


def sequence(steps=6, batch=2):
    return (torch.rand(steps, batch, 5) < 0.6).double()


def step(learner, reward=1.0, **options):
    return learner.step(**options) if isinstance(learner, STDPLearner) else learner.step(reward, **options)
