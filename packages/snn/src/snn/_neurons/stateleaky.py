"""Where snnTorch has it: the name of ``snn_core.stateleaky``."""

from snn_core.stateleaky import StateLeaky

__all__ = ["StateLeaky"]
