"""Where snnTorch has it: the name of ``snn_core.neurons.associative``."""

from snn_core.neurons.associative import AssociativeLeaky

__all__ = ["AssociativeLeaky"]
