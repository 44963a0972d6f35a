"""The class ``Synaptic`` of ``snn_core.neurons.synaptic``, at snnTorch's path."""

from snn_core import Synaptic

__all__ = ["Synaptic"]
