"""Spike-timing-dependent plasticity: the names of ``snn_functional.stdp_learner``."""

from snn_functional.stdp_learner import *  # noqa: F403
from snn_functional.stdp_learner import __all__ as __all__
