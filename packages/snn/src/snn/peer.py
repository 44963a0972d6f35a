"""Rules of snnTorch that may be switched on: the names of ``snn_core.peer``."""

from snn_core.peer import *  # noqa: F403
from snn_core.peer import __all__ as __all__
