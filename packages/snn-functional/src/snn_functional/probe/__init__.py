"""Monitors that record what happens at the layers of a net while it runs."""

from snn_functional.probe.attribute import AttributeMonitor
from snn_functional.probe.gradient import GradInputMonitor, GradOutputMonitor
from snn_functional.probe.monitor import BaseMonitor, unpack_len1_tuple
from snn_functional.probe.signal import InputMonitor, OutputMonitor

__all__ = [
    "BaseMonitor",
    "OutputMonitor",
    "InputMonitor",
    "AttributeMonitor",
    "GradInputMonitor",
    "GradOutputMonitor",
    "unpack_len1_tuple",
]
