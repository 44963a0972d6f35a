"""From a network to a graph: the modules of a network, each as the NIR nodes that compute the same."""

from snn_nir.exporting.export import to_nir

__all__ = ["to_nir"]
