"""The export of nets to NIR in snnTorch's way: the names of ``snn_nir.export_nir``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_nir.export_nir import *  # noqa: F403
    from snn_nir.export_nir import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_nir.export_nir")
