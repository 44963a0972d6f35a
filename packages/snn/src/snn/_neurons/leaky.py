"""The class ``Leaky`` of ``snn_core.neurons.leaky``, at snnTorch's path."""

from snn_core import Leaky

__all__ = ["Leaky"]
