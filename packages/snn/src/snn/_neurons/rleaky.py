"""The class ``RLeaky`` of ``snn_core.neurons.rleaky``, at snnTorch's path."""

from snn_core import RLeaky

__all__ = ["RLeaky"]
