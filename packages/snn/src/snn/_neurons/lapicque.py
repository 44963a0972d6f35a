"""The class ``Lapicque`` of ``snn_core.neurons.lapicque``, at snnTorch's path."""

from snn_core import Lapicque

__all__ = ["Lapicque"]
