"""Where snnTorch has it: the name of ``snn_core.leaky``."""

from snn_core.leaky import Leaky

__all__ = ["Leaky"]
