"""Where snnTorch has it: the name of ``snn_core.neurons.leaky``."""

from snn_core.neurons.leaky import Leaky

__all__ = ["Leaky"]
