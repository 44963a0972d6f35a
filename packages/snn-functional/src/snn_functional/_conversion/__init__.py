"""Conversion of a trained ordinary network to a spiking one, and how close the rates come to the activations."""

from snn_functional._conversion.from_ann import from_ann
from snn_functional._conversion.qcfs import QCFS

__all__ = ["QCFS", "from_ann"]
