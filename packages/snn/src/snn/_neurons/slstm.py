"""The class ``SLSTM`` of ``snn_core.neurons.slstm``, at snnTorch's path."""

from snn_core import SLSTM

__all__ = ["SLSTM"]
