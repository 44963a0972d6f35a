"""Where snnTorch has it: the name of ``snn_core.neurons.sconv2dlstm``."""

from snn_core.neurons.sconv2dlstm import SConv2dLSTM

__all__ = ["SConv2dLSTM"]
