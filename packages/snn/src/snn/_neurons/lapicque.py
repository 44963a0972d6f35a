"""Where snnTorch has it: the name of ``snn_core.lapicque``."""

from snn_core.lapicque import Lapicque

__all__ = ["Lapicque"]
