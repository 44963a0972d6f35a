"""The diagnosis of a net: the names of ``snn_functional.diagnosis``."""

from snn_functional.diagnosis import *  # noqa: F403
from snn_functional.diagnosis import __all__ as __all__
