"""The class ``SConv2dLSTM`` of ``snn_core.neurons.sconv2dlstm``, at snnTorch's path."""

from snn_core import SConv2dLSTM

__all__ = ["SConv2dLSTM"]
