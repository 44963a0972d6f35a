"""Where snnTorch has it: the name of ``snn_core.neurons.rleaky``."""

from snn_core.neurons.rleaky import RLeaky

__all__ = ["RLeaky"]
