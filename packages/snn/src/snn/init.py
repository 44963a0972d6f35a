"""Initialization of weights from data: the names of ``snn_core.init``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_core.init import *  # noqa: F403
    from snn_core.init import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_core.init")
