"""Losses: the names of ``snn_functional.loss``."""

from snn_functional.loss import *  # noqa: F403
from snn_functional.loss import __all__ as __all__
