"""Where snnTorch has it: the name of ``snn_core.neurons.linearleaky``."""

from snn_core.neurons.linearleaky import LinearLeaky

__all__ = ["LinearLeaky"]
