"""Where snnTorch has it: the name of ``snn_core.neurons.synaptic``."""

from snn_core.neurons.synaptic import Synaptic

__all__ = ["Synaptic"]
