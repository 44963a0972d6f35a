"""Plots of spikes: the names of ``snn_plot``, in the module where snnTorch has them."""

from snn_plot import *  # noqa: F403
from snn_plot import __all__ as __all__
