"""The class ``StateLeaky`` of ``snn_core.neurons.stateleaky``, at snnTorch's path."""

from snn_core import StateLeaky

__all__ = ["StateLeaky"]
