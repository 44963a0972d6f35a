"""The class ``AssociativeLeaky`` of ``snn_core.neurons.associative``, at snnTorch's path."""

from snn_core import AssociativeLeaky

__all__ = ["AssociativeLeaky"]
