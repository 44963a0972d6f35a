"""Regularization: the names of ``snn_functional.reg``."""

from snn_functional.reg import *  # noqa: F403
from snn_functional.reg import __all__ as __all__
