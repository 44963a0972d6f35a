"""Learning online: the names of ``snn_functional.online``."""

from snn_functional.online import *  # noqa: F403
from snn_functional.online import __all__ as __all__
