"""Initialization of weights from data: the names of ``snn_core.init``."""

from snn_core.init import *  # noqa: F403
from snn_core.init import __all__ as __all__
