"""Quantization: the names of ``snn_functional.quant``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_functional.quant import *  # noqa: F403
    from snn_functional.quant import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_functional.quant")
