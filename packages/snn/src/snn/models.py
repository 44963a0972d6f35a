"""Deep spiking networks: the names of ``snn_models``."""

from snn_models import *  # noqa: F403
from snn_models import __all__ as __all__
