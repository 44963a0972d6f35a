"""Where snnTorch has it: the name of ``snn_core.rsynaptic``."""

from snn_core.rsynaptic import RSynaptic

__all__ = ["RSynaptic"]
