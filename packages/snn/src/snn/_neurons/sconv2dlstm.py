"""Where snnTorch has it: the name of ``snn_core.sconv2dlstm``."""

from snn_core.sconv2dlstm import SConv2dLSTM

__all__ = ["SConv2dLSTM"]
