"""Where snnTorch has it: the name of ``snn_core.neurons.rsynaptic``."""

from snn_core.neurons.rsynaptic import RSynaptic

__all__ = ["RSynaptic"]
