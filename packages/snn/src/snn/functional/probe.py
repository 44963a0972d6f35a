"""Monitors of layers: the names of ``snn_functional.probe``."""

from snn_functional.probe import *  # noqa: F403
from snn_functional.probe import __all__ as __all__
