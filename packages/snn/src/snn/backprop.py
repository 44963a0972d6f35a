"""Epochs of training: the names of ``snn_functional.backprop``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_functional.backprop import *  # noqa: F403
    from snn_functional.backprop import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_functional.backprop")
