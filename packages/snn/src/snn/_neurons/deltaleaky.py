"""Where snnTorch has it: the name of ``snn_core.deltaleaky``."""

from snn_core.deltaleaky import DeltaLeaky

__all__ = ["DeltaLeaky"]
