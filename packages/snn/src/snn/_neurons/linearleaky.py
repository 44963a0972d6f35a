"""Where snnTorch has it: the name of ``snn_core.linearleaky``."""

from snn_core.linearleaky import LinearLeaky

__all__ = ["LinearLeaky"]
