"""Where snnTorch has it: the name of ``snn_core.neurons.deltaleaky``."""

from snn_core.neurons.deltaleaky import DeltaLeaky

__all__ = ["DeltaLeaky"]
