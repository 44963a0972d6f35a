"""Where snnTorch has it: the name of ``snn_core.neurons.alpha``."""

from snn_core.neurons.alpha import Alpha

__all__ = ["Alpha"]
