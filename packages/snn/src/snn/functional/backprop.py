"""Epochs of training: the names of ``snn_functional.backprop``."""

from snn_functional.backprop import *  # noqa: F403
from snn_functional.backprop import __all__ as __all__
