"""Where snnTorch has it: the name of ``snn_core.rleaky``."""

from snn_core.rleaky import RLeaky

__all__ = ["RLeaky"]
