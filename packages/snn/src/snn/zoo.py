"""Trained nets that come with snn-data: the names of ``snn_data.zoo``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_data.zoo import *  # noqa: F403
    from snn_data.zoo import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_data.zoo")
