"""The class ``Synaptic`` of ``snn_core.neurons.synaptic``, at snnTorch's path."""

from snn_core.neurons.synaptic import Synaptic

__all__ = ["Synaptic"]
