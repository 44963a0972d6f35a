"""Hardware that nets can run on: the names of ``snn_core.backends``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_core.backends import *  # noqa: F403
    from snn_core.backends import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_core.backends")
