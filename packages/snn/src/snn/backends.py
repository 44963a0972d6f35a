"""Hardware that nets can run on: the names of ``snn_core.backends``."""

from snn_core.backends import *  # noqa: F403
from snn_core.backends import __all__ as __all__
