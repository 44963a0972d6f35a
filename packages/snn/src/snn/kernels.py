"""Fused sequence kernels: the names of ``snn_core.kernels``."""

from snn_core.kernels import *  # noqa: F403
from snn_core.kernels import __all__ as __all__
