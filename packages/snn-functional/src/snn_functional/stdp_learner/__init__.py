"""Spike-timing-dependent plasticity: the rules for one time step, and learners that apply them to a net."""

from snn_functional.stdp_learner.learner import STDPLearner
from snn_functional.stdp_learner.reward import MSTDPETLearner, MSTDPLearner
from snn_functional.stdp_learner.single_step import (
    eligibility_trace,
    mstdp_conv1d_single_step,
    mstdp_conv2d_single_step,
    mstdp_linear_single_step,
    mstdpet_linear_single_step,
    stdp_conv1d_single_step,
    stdp_conv2d_single_step,
    stdp_linear_single_step,
)

__all__ = [
    "stdp_linear_single_step",
    "stdp_conv1d_single_step",
    "stdp_conv2d_single_step",
    "mstdp_linear_single_step",
    "mstdp_conv1d_single_step",
    "mstdp_conv2d_single_step",
    "mstdpet_linear_single_step",
    "eligibility_trace",
    "STDPLearner",
    "MSTDPLearner",
    "MSTDPETLearner",
]
