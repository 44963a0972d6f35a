"""The class ``Alpha`` of ``snn_core.neurons.alpha``, at snnTorch's path."""

from snn_core import Alpha

__all__ = ["Alpha"]
