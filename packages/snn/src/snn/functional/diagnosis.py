"""The diagnosis of a net: the names of ``snn_functional.diagnosis``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_functional.diagnosis import *  # noqa: F403
    from snn_functional.diagnosis import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_functional.diagnosis")
