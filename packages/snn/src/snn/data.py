"""Data sets and their splits: the names of ``snn_data``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_data import *  # noqa: F403
    from snn_data import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_data", unlisted={"DigitsSplit", "VowelsSplit", "fingerprint"})
