"""Plots of spikes: the names of ``snn_plot``, in the module where snnTorch has them."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_plot import *  # noqa: F403
    from snn_plot import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_plot")
