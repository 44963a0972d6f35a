"""The path snnTorch has for ``snn_core.neurons.sconv2dlstm``."""

from snn_core.neurons.sconv2dlstm import SConv2dLSTM

__all__ = ["SConv2dLSTM"]
