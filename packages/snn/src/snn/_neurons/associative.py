"""Where snnTorch has it: the name of ``snn_core.associative``."""

from snn_core.associative import AssociativeLeaky

__all__ = ["AssociativeLeaky"]
