"""Where snnTorch has it: the name of ``snn_core.slstm``."""

from snn_core.slstm import SLSTM

__all__ = ["SLSTM"]
