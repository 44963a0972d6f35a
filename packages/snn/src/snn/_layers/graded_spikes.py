"""Where snnTorch has it: the name of ``snn_core.gradedspikes``."""

from snn_core.gradedspikes import GradedSpikes

__all__ = ["GradedSpikes"]
