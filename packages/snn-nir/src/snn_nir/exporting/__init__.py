"""The export of a network as a graph: each module becomes the NIR nodes that compute the same values."""

from snn_nir.exporting import neurons as neurons  # registers the drawings of snn-core's neurons
from snn_nir.exporting.export import to_nir
from snn_nir.exporting.neuron_drawing import NeuronDrawing
from snn_nir.exporting.registering import register

__all__ = ["NeuronDrawing", "register", "to_nir"]
