"""Data sets and their splits: the names of ``snn_data``."""

from snn_data import *  # noqa: F403
from snn_data import __all__ as __all__
