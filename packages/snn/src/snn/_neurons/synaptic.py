"""Where snnTorch has it: the name of ``snn_core.synaptic``."""

from snn_core.synaptic import Synaptic

__all__ = ["Synaptic"]
