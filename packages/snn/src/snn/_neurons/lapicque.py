"""The class ``Lapicque`` of ``snn_core.neurons.lapicque``, at snnTorch's path."""

from snn_core.neurons.lapicque import Lapicque

__all__ = ["Lapicque"]
