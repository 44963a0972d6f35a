"""Where snnTorch has it: the name of ``snn_core.neurons.lapicque``."""

from snn_core.neurons.lapicque import Lapicque

__all__ = ["Lapicque"]
