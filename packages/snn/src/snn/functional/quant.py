"""Quantization: the names of ``snn_functional.quant``."""

from snn_functional.quant import *  # noqa: F403
from snn_functional.quant import __all__ as __all__
