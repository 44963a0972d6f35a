"""The class ``RSynaptic`` of ``snn_core.neurons.rsynaptic``, at snnTorch's path."""

from snn_core import RSynaptic

__all__ = ["RSynaptic"]
