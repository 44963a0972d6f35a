"""Surrogate gradients: the names of ``snn_core.surrogate``."""

from snn_core.surrogate import *  # noqa: F403
from snn_core.surrogate import __all__ as __all__
