"""Trained nets that come with snn-data: the names of ``snn_data.zoo``."""

from snn_data.zoo import *  # noqa: F403
from snn_data.zoo import __all__ as __all__
