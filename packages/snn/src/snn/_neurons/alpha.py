"""Where snnTorch has it: the name of ``snn_core.alpha``."""

from snn_core.alpha import Alpha

__all__ = ["Alpha"]
