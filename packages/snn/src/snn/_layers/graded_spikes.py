"""Where snnTorch has it: the name of ``snn_core.neurons.gradedspikes``."""

from snn_core.neurons.gradedspikes import GradedSpikes

__all__ = ["GradedSpikes"]
