"""Neurons of snn-core in place of the NIR nodes that are one."""

from snn_nir.simplification.simplifying import simplified

__all__ = ["simplified"]
