"""The export of nets to NIR in snnTorch's way: the names of ``snn_nir.export_nir``."""

from snn_nir.export_nir import *  # noqa: F403
from snn_nir.export_nir import __all__ as __all__
