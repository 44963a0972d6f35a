"""Encoders of numbers as spikes: the names of ``snn_spikegen``."""

from snn_spikegen import *  # noqa: F403
from snn_spikegen import __all__ as __all__
