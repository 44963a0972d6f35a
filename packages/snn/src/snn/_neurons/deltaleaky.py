"""The class ``DeltaLeaky`` of ``snn_core.neurons.deltaleaky``, at snnTorch's path."""

from snn_core import DeltaLeaky

__all__ = ["DeltaLeaky"]
