"""The Neuromorphic Intermediate Representation: the names of ``snn_nir``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_nir import *  # noqa: F403
    from snn_nir import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_nir")
