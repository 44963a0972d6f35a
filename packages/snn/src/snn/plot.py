"""Plots of spikes: the names of ``snn_plot``; ``snn.spikeplot`` has the same."""

from snn_plot import *  # noqa: F403
from snn_plot import __all__ as __all__
