"""Encoders of numbers as spikes: the names of ``snn_spikegen``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_spikegen import *  # noqa: F403
    from snn_spikegen import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_spikegen")
