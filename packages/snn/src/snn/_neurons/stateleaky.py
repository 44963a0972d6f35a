"""Where snnTorch has it: the name of ``snn_core.neurons.stateleaky``."""

from snn_core.neurons.stateleaky import StateLeaky

__all__ = ["StateLeaky"]
