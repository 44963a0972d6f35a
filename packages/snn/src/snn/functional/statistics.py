"""Statistics of spikes: the names of ``snn_functional.statistics``."""

from snn_functional.statistics import *  # noqa: F403
from snn_functional.statistics import __all__ as __all__
