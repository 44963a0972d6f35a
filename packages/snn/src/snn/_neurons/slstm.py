"""Where snnTorch has it: the name of ``snn_core.neurons.slstm``."""

from snn_core.neurons.slstm import SLSTM

__all__ = ["SLSTM"]
