"""Engines that run step programs over sequences, the operator that compilers see, and products of layers.

These names are for packages that bring kernels; others import from ``snn_core``.
"""

from snn_core.engines.convolutions import Moves
from snn_core.engines.dtypes import as_dtype, computing_dtype, is_autocast
from snn_core.engines.fused import fits, unviewed
from snn_core.engines.layout import Layout
from snn_core.engines.products import Windows
from snn_core.engines.registry import (
    Arguments,
    Engine,
    Kernel,
    Upstream,
    loop,
    register,
    serves_sequences,
    status,
    unregister,
)
from snn_core.engines.windows import are_windows_wanted, window_bits

__all__ = [
    "Arguments",
    "Engine",
    "Kernel",
    "Layout",
    "Moves",
    "Upstream",
    "Windows",
    "are_windows_wanted",
    "as_dtype",
    "computing_dtype",
    "fits",
    "is_autocast",
    "loop",
    "register",
    "serves_sequences",
    "status",
    "unregister",
    "unviewed",
    "window_bits",
]
