"""Losses, accuracy, training, probes and quantization: the names of ``snn_functional``."""

from snn_functional import *  # noqa: F403
from snn_functional import __all__ as __all__
