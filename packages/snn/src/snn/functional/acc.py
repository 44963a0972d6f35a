"""Accuracies: the names of ``snn_functional.acc``."""

from snn_functional.acc import *  # noqa: F403
from snn_functional.acc import __all__ as __all__
