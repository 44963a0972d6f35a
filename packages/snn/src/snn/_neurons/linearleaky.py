"""The class ``LinearLeaky`` of ``snn_core.neurons.linearleaky``, at snnTorch's path."""

from snn_core import LinearLeaky

__all__ = ["LinearLeaky"]
