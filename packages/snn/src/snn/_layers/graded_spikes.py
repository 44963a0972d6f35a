"""The class ``GradedSpikes`` of ``snn_core.neurons.gradedspikes``, at snnTorch's path."""

from snn_core import GradedSpikes

__all__ = ["GradedSpikes"]
