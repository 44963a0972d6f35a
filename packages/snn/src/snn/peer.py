"""Rules of snnTorch that may be switched on: the names of ``snn_core.peer``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_core.peer import *  # noqa: F403
    from snn_core.peer import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_core.peer")
